/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exchange - one message handed to the milter's callbacks, as JSON
 *
 * Step by step as Postfix does, with the stand-in of tests/mta.
 *
 * Threads: one.
 */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <jansson.h>

/* exchange_start(): let the milter register. */
void exchange_start(void);

/*
 * exchange(message):
 * Give ${message} to the milter: `client` (an address, or null),
 * `authenticated`, `recipients`, `headers` (pairs). Returns what the milter
 * did: `answer`, `reply`, `quarantine`, `added` and `removed` (pairs),
 * `deleted`, and `log`.
 */
json_t *exchange(const json_t *);

/*
 * Text may be any bytes but NUL; in JSON each byte is the character of that
 * number. exchange_bytes(): the bytes of a string, for free(3), or NULL for
 * null. exchange_text(): the string of bytes, null for NULL.
 */
char *exchange_bytes(const json_t *);
json_t *exchange_text(const char *);

#endif
