/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply - a decision becomes smfi_* calls
 *
 * The only place where a failure becomes an answer to the MTA: changes that
 * cannot be made completely are a temporary failure, and the client keeps the
 * message.
 */
#ifndef APPLY_H
#define APPLY_H

#include <stdbool.h>

#include <libmilter/mfapi.h>

#include "base/compiler.h"

struct arena;
struct decision;
struct message;

/*
 * apply_check(message, decision, removable):
 * If ${decision} would remove a recipient and the MTA cannot be relied on to do
 * so (not ${removable}), it becomes a hold, with the reason.
 */
void apply_check(const struct message *, struct decision *, bool removable);

/*
 * apply(ctx, message, decision, a):
 * Apply ${decision} at end of message; it becomes a tempfail if the MTA refuses
 * a change. Returns the answer for the MTA, which makes no change before it has
 * the answer.
 */
sfsistat apply(SMFICTX *, const struct message *, struct decision *,
    struct arena *) WARN_UNUSED;

#endif
