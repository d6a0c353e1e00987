/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smtp - one session of a client that sends message after message
 *
 * It waits for each reply before the next command, as the clients do that send
 * a system's mail. Whatever is not accepted ends the program.
 */
#ifndef SMTP_H
#define SMTP_H

#include "bench/script.h"

struct smtp;

/* ${where}: inet:PORT@HOST */
struct smtp *smtp_open(const char *where);
void smtp_close(struct smtp *);

/* Send one message and wait until it is taken; a "%" as in script.h. */
void smtp_send(struct smtp *, const char *sender,
    const struct texts *recipients, const struct texts *headers,
    unsigned long variant);

#endif
