/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * received - why somebody was a recipient of a message
 *
 * The milter logs how many recipients it kept and added, and not why. So the
 * reason is looked up in the roster and the settings as of now. The log does
 * not tell by which of several accounts somebody was entitled either: then
 * there is a line for each.
 *
 * Threads: one at a time.
 */
#ifndef RECEIVED_H
#define RECEIVED_H

#include <stddef.h>

#include "base/compiler.h"
#include "notifyctl/trace/standing.h"

struct ctl;
struct history;
struct trace_people;

/*
 * received(ctl, st, m, people, n): the recipients of ${m} whom the milter kept
 * or added, without chats, in the order of the log. One that is an alias is
 * judged as the alias.
 */
struct standing_person *received(struct ctl *, struct standing *,
    const struct history *, const struct trace_people *, size_t *n) WARN_UNUSED;

#endif
