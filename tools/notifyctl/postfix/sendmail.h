/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sendmail - is the MTA of this machine Sendmail?
 *
 * Threads: one.
 */
#ifndef SENDMAIL_H
#define SENDMAIL_H

#include <stdbool.h>

#define SENDMAIL_CF "/etc/mail/sendmail.cf"
#define SUBMIT_CF "/etc/mail/submit.cf"

/* sendmail_is(path): is the program at ${path} Sendmail's, not Postfix's or a
 * script of the same name? False also if it cannot be read. */
bool sendmail_is(const char *path);

#endif
