/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * session - libmilter's callbacks
 *
 * They only collect, until the end of the message; what is decided there is
 * evaluate.c's, what is done about it apply.c's.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>

#include "base/compiler.h"

/* session_register(over_tcp): tell libmilter of the callbacks. 0 or -1. */
int session_register(bool over_tcp) WARN_UNUSED;

/* session_connections(): how many are open. An MTA does not tell of a message
 * that it has begun until it comes to its end: any may have one. */
int session_connections(void);

/* session_end(seconds): let no further decision begin (libmilter's threads go
 * on serving connections; their messages are deferred), and wait for those
 * under way. True: settings, database and counters are nobody's any more. False
 * if some decision still was under way when the time was over. */
bool session_end(int seconds) WARN_UNUSED;

#endif
