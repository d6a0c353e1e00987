/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exchange - one message handed to the milter's callbacks, as JSON
 *
 * Step by step as Postfix gives it, with the stand-in of tests/mta.
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
 * Hand ${message} over: `client` (an address, or null), `authenticated`,
 * `recipients`, `headers` (pairs). What the milter did: `answer`, `reply`,
 * `quarantine`, `added` and `removed` (pairs), `deleted`, and `log`.
 */
json_t *exchange(const json_t *);

/*
 * Text may be any octets but NUL; in JSON each octet is the character of that
 * number. exchange_bytes(): the octets of a string or of null (NULL), to be
 * freed. exchange_text(): the string of octets, null for NULL.
 */
char *exchange_bytes(const json_t *);
json_t *exchange_text(const char *);

#endif
