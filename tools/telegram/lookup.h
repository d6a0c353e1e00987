/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup - for whom a mirrored message is, and to which chat it goes
 *
 * policy/README.md, How a message reaches Telegram, 2. What was true when the
 * milter decided may have changed since, and may change during a wait.
 *
 * Threads: one.
 */
#ifndef LOOKUP_H
#define LOOKUP_H

#include "base/compiler.h"

struct delivery;

/* lookup_recipient(d, recipient): find the link and the check in the address:
 * d->link is 0 if it is not that of a chat. 0, or -1 if out of memory. */
int lookup_recipient(struct delivery *, const char *recipient) WARN_UNUSED;

/* lookup_open(d): connect to the database: d->store. 0, or -1 and d->failure.
 */
int lookup_open(struct delivery *) WARN_UNUSED;

/* lookup_user(d): find the category, the user and the account, and verify that
 * the user may have the message. DELIVERY_GO_ON, or the exit status. */
int lookup_user(struct delivery *) WARN_UNUSED;

/* lookup_again(d): the same, after a wait. If the chat has a new id by now, the
 * message is retried, and waits for its turn there. */
int lookup_again(struct delivery *) WARN_UNUSED;

#endif
