/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather - collects the log lines of one message and of those it became
 *
 * Postfix, notify-milter, notify-telegram and notifyctl log a message under its
 * queue id. A message becomes another when it is requeued, passes the same
 * Postfix again or bounces. Several messages may have had one short queue id:
 * the newest is taken. What the lines say is left to history.
 *
 * Threads: one at a time. Everything is cut from the arena given to
 * gather_new(), which must end the program if it is out of memory.
 */
#ifndef GATHER_H
#define GATHER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "notifyctl/trace/history.h"
#include "notifyctl/trace/trace_log.h"

struct arena;
struct gather;

struct gather *gather_new(struct arena *) WARN_UNUSED;

/* gather_ask(g, id, at): collect the message that had this id at ${at}; 0: the
 * newest. Before the first line. */
void gather_ask(struct gather *, const char *id, int64_t at);

/* gather_line(g, line): take one line; a trace_line_fn. */
void gather_line(void *g, const struct trace_line *);

/* gather_source(g): the next lines come from another source. */
void gather_source(void *g);

/*
 * gather_again(g): all sources were read. Must they be read once more, for
 * messages that were found?
 */
bool gather_again(struct gather *) WARN_UNUSED;

/* gather_messages(g, n): the messages asked for, then those they became. The
 * one asked for, if it is one, even without lines. */
struct history *gather_messages(const struct gather *, size_t *n);

/* gather_complete(g): false if it became more messages than are given. */
bool gather_complete(const struct gather *);

/* gather_origin(g): the message it comes from, as "requeued from X"; or "". */
const char *gather_origin(const struct gather *);

#endif
