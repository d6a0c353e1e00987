/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base64 - base64 as mail has it
 */
#include <string.h>

#include "telegram/base64.h"

static void fill(signed char *);

/* The value of each digit; -1 for any other character. */
static void
fill(signed char *values)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmno"
				     "pqrstuvwxyz0123456789+/";
	int i;

	memset(values, -1, 256);
	for (i = 0; digits[i] != '\0'; i++)
		values[(unsigned char)digits[i]] = (signed char)i;
}

size_t
base64_step(struct base64 *b, const char *in, size_t len, char *out)
{
	signed char values[256];
	char *start = out;
	int group, value;

	if (b->ended)
		return (0);
	fill(values);
	for (; len > 0; in++, len--) {
		/* A whole group, as most are. */
		for (; b->digits == 0 && len > 4; in += 4, len -= 4) {
			group = values[(unsigned char)in[0]] * (1 << 18) |
			    values[(unsigned char)in[1]] * (1 << 12) |
			    values[(unsigned char)in[2]] * (1 << 6) |
			    values[(unsigned char)in[3]];
			if (group < 0)
				break;
			*out++ = (char)(group >> 16);
			*out++ = (char)(group >> 8);
			*out++ = (char)group;
		}
		value = values[(unsigned char)*in];
		if (value == -1) {
			if (*in == '=') {
				out += base64_end(b, out);
				b->padded = true;
			} else if (b->padded &&
			    strchr(" \t\r\n", *in) == NULL) {
				b->ended = true;
				break;
			}
			continue;
		}
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
