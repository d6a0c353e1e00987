/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gather - what the mail log tells of one message
 *
 * Postfix, notify-milter, notify-telegram and notifyctl log a message under its
 * queue id. Its lines are gathered, and those of the messages that it became or
 * caused: requeued, handed to the same Postfix again, bounced. A short queue id
 * may have served several messages: the newest is told of.
 *
 * Threads: one at a time. Everything is cut from the arena given to
 * gather_new().
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

/* gather_new(a, id): NULL for no memory. */
struct gather *gather_new(struct arena *, const char *id) WARN_UNUSED;

/* gather_line(f, line): one line; to be given to the readers of trace_log. */
int gather_line(void *f, const struct trace_line *);

/* gather_source(f): the lines that come now are of another source. */
void gather_source(struct gather *);

/*
 * gather_again(f): all sources were read. 1 if they must be read once more, for
 * the messages that came to light; 0 if all is told, -1 for no memory.
 */
int gather_again(struct gather *) WARN_UNUSED;

/* gather_messages(f, n): the one that was asked for, then the others. */
const struct history *gather_messages(const struct gather *, size_t *n);

/* gather_complete(f): false if more messages came of it than are told of. */
bool gather_complete(const struct gather *);

/* gather_origin(f): how the message came into being, if from another one:
 * "requeued from X"; or "". */
const char *gather_origin(const struct gather *);

#endif
