/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log - to syslog's mail facility, and to standard error in the foreground
 *
 * info: what was done. warning: a person may act. error: something was lost or
 * delayed. debug (-v): the rest. Text from outside goes through escape_text()
 * first.
 *
 * Threads: any, after log_open().
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

#include "base/compiler.h"

/* log_open(name, foreground): ${name} is borrowed for good. */
void log_open(const char *name, bool foreground);

/* log_verbose(yes): let log_debug() say something. */
void log_verbose(bool);

void log_info(const char *, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *, ...) PRINTF_LIKE(1, 2);
void log_error(const char *, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *, ...) PRINTF_LIKE(1, 2);

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* log_message(level, fmt, ...): about one message; its queue id comes first,
 * so nothing is put before it. */
void log_message(enum log_level, const char *, ...) PRINTF_LIKE(2, 3);

#endif
