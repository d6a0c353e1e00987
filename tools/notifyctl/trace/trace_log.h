/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_log - lines of the mail log, from files or from the systemd journal
 *
 * A file may be syslog's (traditional or RFC 3339 timestamps, or RFC 5424),
 * Postfix's (maillog_file), what journalctl(1) prints (short, short-precise or
 * short-iso), or the standard error of our programs (no timestamps); compressed
 * with gzip(1) or not.
 *
 * Threads: one at a time.
 */
#ifndef TRACE_LOG_H
#define TRACE_LOG_H

#include <stdint.h>

#include "base/compiler.h"

struct failure;

struct trace_line {
	int64_t at;	     /* Unix seconds; 0: unknown */
	const char *program; /* "postfix/smtp", without the process id */
	long process;	     /* 0: unknown */
	const char *text;    /* one line; never NULL */
};

/* Called for each line, which is borrowed. */
typedef void trace_line_fn(void *, const struct trace_line *);

/*
 * trace_log_file(path, fn, ctx, failure):
 * Give ${fn} the lines of a file, each cut to 64 KiB, without those in no known
 * format. 0, or -1 with ${failure}: FAILURE_DENIED if the file may not be read,
 * FAILURE_UNKNOWN if there is none, FAILURE_DATA also if no line is of a log.
 */
int trace_log_file(
    const char *path, trace_line_fn *, void *, struct failure *) WARN_UNUSED;

/*
 * trace_log_journal(directory, fn, ctx, failure):
 * Likewise the entries of the mail facility in the journal in ${directory}, or
 * in the system's (NULL). FAILURE_UNKNOWN also if none of them may be read.
 */
int trace_log_journal(const char *directory, trace_line_fn *, void *,
    struct failure *) WARN_UNUSED;

#endif
