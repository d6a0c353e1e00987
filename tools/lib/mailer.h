/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailer - mail that notify-milter itself sends
 *
 * It is handed to sendmail(1), so that the MTA queues it. It passes the milter
 * like any other mail and has no tag. Threads: one at a time.
 */
#ifndef MAILER_H
#define MAILER_H

#include "base/compiler.h"

struct failure;
struct settings;
struct store_notice;
struct texts;

/* What sends notices. */
struct mailer {
	const struct settings *settings;
	const struct texts *texts; /* NULL: the built-in ones */
};

/* mailer_start(): once, before the others. */
void mailer_start(void);

/*
 * mailer_notice(mailer, notice, failure), a notice_fn for notice_flush():
 * Mail the notice to its user. 0 when sendmail(1) has accepted the mail, else
 * -1 and ${failure}: FAILURE_DATA if sendmail(1) refused this one.
 */
int mailer_notice(
    void *mailer, const struct store_notice *, struct failure *) WARN_UNUSED;

#endif
