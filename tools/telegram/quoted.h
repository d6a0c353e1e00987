/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * quoted - quoted-printable as mail has it
 *
 * Blanks between "=" and the end of a line were added on the way, and do not
 * end the soft line break (RFC 2045, 6.7). What is no escape is text.
 *
 * Threads: any.
 */
#ifndef QUOTED_H
#define QUOTED_H

#include <stddef.h>

/* All zero at the beginning. */
struct quoted {
	enum {
		QUOTED_TEXT,
		QUOTED_ESCAPE, /* behind "=" */
		QUOTED_DIGIT,  /* behind "=" and a digit */
	} state;
	char digit;
	size_t blanks; /* behind "=" */
};

/* Decoding may write so many bytes more than it takes. */
#define QUOTED_MORE 12

/* quoted_step(q, in, len, out): decode ${len} bytes into ${out}. quoted_end(q,
 * out): the rest. Both return the number of bytes written. */
size_t quoted_step(struct quoted *, const char *in, size_t len, char *out);
size_t quoted_end(struct quoted *, char *out);

#endif
