/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log - to syslog's mail facility, and to standard error in the foreground
 *
 * info: what was done. warning: somebody may have to act. error: something was
 * lost or delayed. debug (-v): the rest. Untrusted text must be escaped with
 * escape_text() first.
 *
 * Threads: any, after log_open().
 */
#ifndef LOG_H
#define LOG_H

#include <stdbool.h>

#include "base/compiler.h"

/* log_open(name, foreground): ${name} must stay valid. */
void log_open(const char *name, bool foreground);

/* log_verbose(yes): log_debug() logs only then. */
void log_verbose(bool);

enum log_level {
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_INFO,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_ERROR,
};

/* log_at(level, fmt, ...): one line; these name its level. */
void log_at(enum log_level, const char *, ...) PRINTF_LIKE(2, 3);
#define log_debug(...) log_at(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define log_info(...) log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_warning(...) log_at(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)

/* log_message(level, fmt, ...): about one message. The line begins with its
 * queue id, without the words "warning: " or "error: ". */
void log_message(enum log_level, const char *, ...) PRINTF_LIKE(2, 3);

#endif
