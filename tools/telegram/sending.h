/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sending - the text of a message goes to its chat
 *
 * Threads: one.
 */
#ifndef SENDING_H
#define SENDING_H

#include "base/compiler.h"

struct delivery;

/*
 * sending_text(d): send d->text by d->api to the chat of d->user, and do what
 * the answer asks for: without the topic, without marks, to the group's new id;
 * a short retry_after is waited for. Returns the exit status (delivery.h).
 */
int sending_text(struct delivery *) WARN_UNUSED;

#endif
