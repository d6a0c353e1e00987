/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sources - where a command reads the mail log
 *
 * Those of --log and --journal, or the usual ones: Postfix's maillog_file,
 * /var/log/mail.log, with their rotated files, else the journal.
 *
 * Threads: one at a time.
 */
#ifndef SOURCES_H
#define SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "notifyctl/trace/trace_log.h"

struct arguments;
struct ctl;
struct sources;

/* The two options, for the table of a command. */
#define SOURCES_OPTIONS                                                        \
	{.name = "log", .value = "FILE", .repeated = true},                    \
	{                                                                      \
		.name = "journal", .value = "DIRECTORY"                        \
	}

/*
 * sources_new(ctl, args, from): those that ${args} name, or the usual ones. A
 * file that was last changed before ${from} (Unix seconds; 0: any) is not read.
 */
struct sources *sources_new(
    struct ctl *, const struct arguments *, int64_t from) WARN_UNUSED;

/*
 * sources_read(s, begin, line, ctx): call ${begin}, unless it is NULL, for each
 * source, then ${line} for each of its lines. 0, or -1 with ctl->failure: a
 * source that was named cannot be read. May be called again.
 */
int sources_read(struct sources *, void (*begin)(void *), trace_line_fn *,
    void *) WARN_UNUSED;

/* sources_lack(s, what): -1 with ctl->failure: the log has no ${what}, or none
 * can be read. */
int sources_lack(struct sources *, const char *what);

/* sources_readable(s): -1 with ctl->failure if no source can be read, else 0.
 */
int sources_readable(struct sources *) WARN_UNUSED;

/* sources_unread(s): a table of what could not be read; for people only if
 * there is any. */
void sources_unread(const struct sources *);

/* sources_list(s): a table of what was read, for JSON. */
void sources_list(const struct sources *);

#endif
