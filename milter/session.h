/*
 * session - libmilter's callbacks
 *
 * They only collect, until the end of the message; what is decided there is
 * evaluate.c's, what is done about it apply.c's.
 */
#ifndef SESSION_H
#define SESSION_H

#include <stdbool.h>

#include "compiler.h"

/* session_register(): tell libmilter of the callbacks. 0 or -1. */
int session_register(void) WARN_UNUSED;

/* session_wait(seconds): wait until no decision is under way; false if some
 * still were when the time was over. */
bool session_wait(int seconds) WARN_UNUSED;

#endif
