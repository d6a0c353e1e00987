/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_log - lines of the mail log, from files or from the systemd journal
 *
 * Files may be as syslog writes them (traditional or RFC 3339 timestamps), as
 * Postfix does (maillog_file), or as our programs do on standard error, without
 * any; compressed with gzip(1) or not.
 *
 * Threads: one at a time.
 */
#ifndef TRACE_LOG_H
#define TRACE_LOG_H

#include <stdint.h>

#include "base/compiler.h"

struct failure;

struct trace_line {
	int64_t at;	     /* Unix time; 0: the line does not tell */
	const char *program; /* "postfix/smtp", without the process id */
	const char *text;    /* what it said, on one line; never NULL */
};

/* Called for each line, which it must not keep; returns 0, or -1 to end the
 * reading. */
typedef int trace_line_fn(void *, const struct trace_line *);

/*
 * trace_log_file(path, fn, ctx, failure):
 * The lines of a file. Lines of another shape are left out; what goes beyond
 * 64 KiB in a line too. 0, or -1: ${failure} has why, FAILURE_DENIED if it may
 * not be read, FAILURE_UNKNOWN if there is none; or ${fn} returned -1.
 */
int trace_log_file(
    const char *path, trace_line_fn *, void *, struct failure *) WARN_UNUSED;

/*
 * trace_log_journal(folder, fn, ctx, failure):
 * What the mail facility has in the journal whose files lie in ${folder}, or
 * in the system's (NULL). FAILURE_UNKNOWN: there is none, or nothing that may
 * be read. Likewise.
 */
int trace_log_journal(
    const char *folder, trace_line_fn *, void *, struct failure *) WARN_UNUSED;

#endif
