/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena - memory that lives as long as one message, or one command
 *
 * Everything that a decision needs comes from one arena and is freed at once:
 * no path through the decision frees anything, so none can forget to. An arena
 * has a maximum from the start; a message that needs more fails as out of
 * memory, which is a temporary failure.
 *
 * Threads: one at a time.
 * Results: a pointer, aligned for any type, or NULL if out of memory; never
 * NULL after arena_require().
 */
#ifndef ARENA_H
#define ARENA_H

#include <stdarg.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;

/* arena_new(max): an arena of at most ${max} bytes. */
struct arena *arena_new(size_t max) WARN_UNUSED;

/* arena_require(a, fail, ctx): from now on ${fail}(ctx), which must not return,
 * is called if ${a} is out of memory. For programs that then can only end. */
void arena_require(struct arena *, void (*fail)(void *), void *);

/* arena_free(a): free ${a} and everything allocated from it. NULL is fine. */
void arena_free(struct arena *);

/*
 * arena_reset(a): free everything allocated from ${a}. Its first block stays,
 * so the next message of a connection needs no malloc(3).
 */
void arena_reset(struct arena *);

/* arena_alloc(a, size): ${size} zeroed bytes. */
void *arena_alloc(struct arena *, size_t) WARN_UNUSED;

/* arena_array(a, n, size): ${n} zeroed elements of ${size} bytes. */
void *arena_array(struct arena *, size_t n, size_t size) WARN_UNUSED;

/*
 * arena_grow(a, v, n, cap, size): ${v} with room for one more than ${n}
 * elements of ${size} bytes; moves it, and doubles ${*cap}, when it is full.
 */
void *arena_grow(
    struct arena *, void *v, size_t n, size_t *cap, size_t size) WARN_UNUSED;

/* arena_strdup(a, s), arena_strndup(a, s, n): a copy that ends with a NUL. */
char *arena_strdup(struct arena *, const char *) WARN_UNUSED;
char *arena_strndup(struct arena *, const char *, size_t) WARN_UNUSED;

/* arena_keep(a, s, ..., NULL): set each ${*s} to a copy of it. 0, or -1 if out
 * of memory. */
int arena_keep(struct arena *, const char **, ...) NULL_LAST WARN_UNUSED;

/* arena_concat(a, s, ..., NULL): the strings in one. */
char *arena_concat(struct arena *, const char *, ...) NULL_LAST WARN_UNUSED;

/* arena_printf(a, fmt, ...), arena_vprintf(a, fmt, ap): a formatted string. */
char *arena_printf(struct arena *, const char *, ...)
    PRINTF_LIKE(2, 3) WARN_UNUSED;
char *arena_vprintf(struct arena *, const char *, va_list)
    __attribute__((format(printf, 2, 0))) WARN_UNUSED;

#endif
