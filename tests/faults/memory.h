/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory - malloc(3) and its like, which fail on demand
 *
 * They replace those of the C library in a program that is linked with them, or
 * runs with LD_PRELOAD; then $NM_MEMORY names a file that holds a struct
 * memory, for another process to share. Under AddressSanitizer they call its
 * functions.
 *
 * Threads: any.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stdbool.h>
#include <stdint.h>

struct memory {
	_Atomic int64_t armed; /* 1: calls count and fail; 0: neither */
	_Atomic int64_t first; /* the first call that fails; 0: none */
	_Atomic int64_t last;  /* the last one */
	_Atomic int64_t calls; /* counted */
	_Atomic int64_t failed;
	_Atomic int64_t live; /* allocations not freed */
};

/* The state that this process uses. */
extern struct memory *memory;

/* memory_counts(): does `live` count all allocations? Some functions of
 * AddressSanitizer bypass ours, and it reports leaks itself. */
bool memory_counts(void);

#endif
