/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory - malloc(3) and its like, which fail when they are told to
 *
 * They take the place of the C library's in a program that is linked with them,
 * or that they are preloaded into (LD_PRELOAD; the environment's NM_MEMORY
 * names a file then, in which a struct memory lies, for another process to work
 * with). Under AddressSanitizer they stand before its own.
 *
 * Threads: any.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct memory {
	_Atomic int64_t armed; /* 1: calls count and fail; 0: they do neither */
	_Atomic int64_t first; /* the call that fails; 0: none */
	_Atomic int64_t last;  /* and so do those up to this one */
	_Atomic int64_t calls; /* counted */
	_Atomic int64_t failed;
	_Atomic int64_t live; /* pieces given out and not given back */
};

/* What counts and decides in this process. */
extern struct memory *memory;

/* memory_counts(): does `live` count all? AddressSanitizer has some functions
 * that give out memory past ours, and says itself what is left. */
bool memory_counts(void);

#endif
