/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base64 - base64 as mail has it
 */
#include "telegram/base64.h"

static int value_of(char);

/* The value of a digit, or -1. */
static int
value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (c - 'A');
	if (c >= 'a' && c <= 'z')
		return (c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (c - '0' + 52);
	if (c == '+')
		return (62);
	return (c == '/' ? 63 : -1);
}

size_t
base64_step(struct base64 *b, const char *in, size_t len, char *out)
{
	char *start = out;
	int value;

	for (; len > 0; in++, len--) {
		if (*in == '=')
			out += base64_end(b, out);
		value = value_of(*in);
		if (value == -1)
			continue;
		b->bits = b->bits << 6 | (unsigned)value;
		if (++b->digits < 4)
			continue;
		*out++ = (char)(b->bits >> 16);
		*out++ = (char)(b->bits >> 8);
		*out++ = (char)b->bits;
		b->digits = 0;
	}
	return ((size_t)(out - start));
}

size_t
base64_end(struct base64 *b, char *out)
{
	size_t n;

	n = b->digits > 1 ? (size_t)b->digits - 1 : 0;
	if (n > 0)
		out[0] = (char)(b->bits >> (n == 2 ? 10 : 4));
	if (n > 1)
		out[1] = (char)(b->bits >> 2);
	b->digits = 0;
	return (n);
}
