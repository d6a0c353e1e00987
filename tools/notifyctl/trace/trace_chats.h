/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_chats - whose chat a mirror was for
 *
 * notify-telegram logs it. Of a mirror that it has not tried, or from before it
 * did so, the roster knows it, as long as the link lasts: the number of a link
 * is never given to another one.
 */
#ifndef TRACE_CHATS_H
#define TRACE_CHATS_H

#include <stdbool.h>
#include <stddef.h>

struct ctl;
struct history;

/*
 * trace_chats(ctl, messages, n): fill in the person and the account of each
 * mirror whose log lines lack them. A roster that cannot be read leaves them
 * as they are: a log can be read anywhere.
 */
void trace_chats(struct ctl *, struct history *messages, size_t n);

/* trace_chats_is(ctl, recipient): is it the address of a chat? */
bool trace_chats_is(const struct ctl *, const char *recipient);

#endif
