/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smtp - an SMTP client that sends message after message in one session
 *
 * It waits for each reply before the next command, as clients that send system
 * mail do. It exits if anything is not accepted.
 */
#ifndef SMTP_H
#define SMTP_H

#include "bench/script.h"

struct smtp;

/* ${where}: inet:PORT@HOST */
struct smtp *smtp_open(const char *where);
void smtp_close(struct smtp *);

/* Send one message and wait until it is accepted; "%" as in script.h. */
void smtp_send(struct smtp *, const char *sender,
    const struct texts *recipients, const struct texts *headers,
    unsigned long variant);

#endif
