/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * order - a message waits for the earlier ones to its chat
 *
 * policy/README.md, How a message reaches Telegram, 4. After a wait everything
 * is looked up again.
 *
 * Threads: one.
 */
#ifndef ORDER_H
#define ORDER_H

#include <stdbool.h>

#include "base/compiler.h"

struct delivery;

/*
 * order_join(d, make): be one of the runs on this machine: d->agents. If their
 * file cannot be used, that stays NULL, and the order is that in which the MTA
 * starts them; so it does if there is no file and ${make} is false. If too many
 * run, order_wait() says so. 0, or -1 and d->failure if out of memory.
 */
int order_join(struct delivery *, bool make) WARN_UNUSED;

/*
 * After lookup_user(). order_wait(d): messages that are on their way to a chat
 * at the same time go one after the other, in the order in which they arrived,
 * also if the chat gets a new id meanwhile.
 * order_keep(d): no message passes an earlier one that waits in the queue. When
 * the MTA retries all of them, in any order, each gives the earlier ones time
 * to come. DELIVERY_GO_ON, or the exit status.
 */
int order_wait(struct delivery *) WARN_UNUSED;
int order_keep(struct delivery *) WARN_UNUSED;

#endif
