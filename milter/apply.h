/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * apply - a decision becomes smfi_* calls
 *
 * The one place where a failure becomes an answer to the MTA: whatever cannot
 * be done completely is answered with a temporary failure, and the client
 * keeps the message.
 */
#ifndef APPLY_H
#define APPLY_H

#include <libmilter/mfapi.h>

#include "base/compiler.h"

struct arena;
struct decision;
struct message;

/*
 * apply_check(message, decision, a):
 * Can ${decision} be carried out without hitting somebody else? If not, it
 * becomes a hold, with the reason. 0, or -1 for no memory.
 */
int apply_check(
    const struct message *, struct decision *, struct arena *) WARN_UNUSED;

/*
 * apply(ctx, message, decision, a):
 * Carry ${decision} out at end of message; what the MTA refuses makes a
 * tempfail of it. Returns the answer for the MTA, which does nothing before it
 * has that.
 */
sfsistat apply(SMFICTX *, const struct message *, struct decision *,
    struct arena *) WARN_UNUSED;

#endif
