/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailer - mail that notify-milter itself writes
 *
 * Handed to sendmail(1), so that the MTA's queue carries it. It passes the
 * milter like any other mail and bears no tag. Threads: one at a time.
 */
#ifndef MAILER_H
#define MAILER_H

#include "base/compiler.h"

struct failure;
struct settings;
struct store_notice;

/* mailer_start(): once, before the others. */
void mailer_start(void);

/*
 * mailer_notice(settings, notice, failure):
 * Tell a user what the notice is about. 0 when sendmail(1) has taken the
 * mail, else -1 and ${failure}.
 */
int mailer_notice(const struct settings *, const struct store_notice *,
    struct failure *) WARN_UNUSED;

#endif
