/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * failure - what went wrong: its kind, and one line of text
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/failure.h"

int
failure_vset(
    struct failure *f, enum failure_kind kind, const char *fmt, va_list ap)
{
	char *text;

	/* The old text may be an argument: free it last. */
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	free(f->text);
	f->text = text;
	f->kind = kind;
	return (-1);
}

int
failure_set(struct failure *f, enum failure_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	failure_vset(f, kind, fmt, ap);
	va_end(ap);
	return (-1);
}

int
failure_memory(struct failure *f)
{
	return (failure_set(f, FAILURE_MEMORY, "out of memory"));
}

int
failure_copy(struct failure *f, const struct failure *from)
{
	return (failure_set(f, from->kind, "%s", failure_text(from)));
}

const char *
failure_text(const struct failure *f)
{
	if (f->text != NULL)
		return (f->text);
	return (f->kind == FAILURE_NONE ? "no failure" : "out of memory");
}

void
failure_clear(struct failure *f)
{
	free(f->text);
	f->text = NULL;
	f->kind = FAILURE_NONE;
}
