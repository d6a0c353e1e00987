/*
 * follow - what the mail log tells of one message
 *
 * Postfix, notify-milter, notify-telegram and notifyctl log a message under its
 * queue id. Its lines are gathered, and those of the messages that it became or
 * caused: requeued, handed to the same Postfix again, bounced. A short queue id
 * may have served several messages: the newest is told of.
 *
 * Threads: one at a time. Everything is cut from the arena given to
 * follow_new().
 */
#ifndef FOLLOW_H
#define FOLLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "notifyctl/trace/story.h"
#include "notifyctl/trace/trace_log.h"

struct arena;
struct follow;

/* follow_new(a, id): NULL for no memory. */
struct follow *follow_new(struct arena *, const char *id) WARN_UNUSED;

/* follow_line(f, line): one line; to be given to the readers of trace_log. */
int follow_line(void *f, const struct trace_line *);

/* follow_source(f): the lines that come now are of another source. */
void follow_source(struct follow *);

/*
 * follow_again(f): all sources were read. 1 if they must be read once more, for
 * the messages that came to light; 0 if all is told, -1 for no memory.
 */
int follow_again(struct follow *) WARN_UNUSED;

/* follow_messages(f, n): the one that was asked for, then the others. */
const struct story *follow_messages(const struct follow *, size_t *n);

/* follow_complete(f): false if more messages came of it than are told of. */
bool follow_complete(const struct follow *);

/* follow_origin(f): how the message came into being, if from another one:
 * "requeued from X"; or "". */
const char *follow_origin(const struct follow *);

#endif
