/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shell - commands that are shown to people, who paste them into a shell
 */
#include <string.h>

#include "base/arena.h"
#include "lib/shell.h"

const char *
shell_quote(struct arena *a, const char *text)
{
	char *quoted, *out;

	if (text == NULL ||
	    (*text != '\0' &&
		text[strspn(text,
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		    "0123456789/._-+:@,%=")] == '\0'))
		return (text);
	quoted = out = arena_alloc(a, 4 * strlen(text) + 3);
	if (out == NULL)
		return (NULL);
	*out++ = '\'';
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			out = stpcpy(out, "'\\''");
		else
			*out++ = *text;
	}
	*out++ = '\'';
	*out = '\0';
	return (quoted);
}
