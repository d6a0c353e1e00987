/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - libmilter's callbacks
 *
 * They collect the message. At its end evaluate.c decides and apply.c makes the
 * changes.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>

#include "base/compiler.h"

/* session_register(over_tcp): register the callbacks with libmilter. 0 or -1.
 */
int session_register(bool over_tcp) WARN_UNUSED;

/* session_connections(): how many are open. Any of them may be in the middle of
 * a message. */
int session_connections(void);

/* session_end(seconds): begin no further decision (libmilter's threads go on
 * serving connections, whose messages are deferred), and wait for those under
 * way. True: no thread uses settings, database or counters any more. False: a
 * decision was still under way when the time was over. */
bool session_end(int seconds) WARN_UNUSED;

#endif
