/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base64 - base64 as mail has it
 *
 * GMime and GLib lose the last letters if the padding is left out, and what
 * follows the first padding. Here padding only ends a group. Any other
 * character is skipped; behind padding it ends the data, as a list's footer is
 * no base64.
 *
 * Threads: any.
 */
#ifndef BASE64_H
#define BASE64_H

#include <stdbool.h>
#include <stddef.h>

struct base64 {
	unsigned bits; /* of a group that is not complete */
	int digits;    /* in it */
	bool padded;
	bool ended;
};

/* base64_step(b, in, len, out): decode more input, starting with a zeroed
 * ${b}. Writes at most ${len} + 2 bytes, and returns their number. */
size_t base64_step(struct base64 *, const char *in, size_t len, char *out);

/* base64_end(b, out): the rest, at most 2 bytes. */
size_t base64_end(struct base64 *, char *out);

#endif
