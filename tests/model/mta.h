/*
 * mta - an MTA that hands one message to the milter's callbacks
 *
 * It stands in for libmilter: the milter registers with it, is given a message
 * step by step as Postfix gives it, and what it asks for in return is noted.
 * Log lines are noted too, instead of being logged.
 *
 * Threads: one.
 */
#ifndef MTA_H
#define MTA_H

#include <jansson.h>

/* mta_start(): let the milter register. */
void mta_start(void);

/*
 * mta_message(message):
 * Hand ${message} over: `client` (an address, or null), `authenticated`,
 * `recipients`, `headers` (pairs). What the milter did: `answer`, `reply`,
 * `quarantine`, `added` and `removed` (pairs), `deleted`, and `log`.
 */
json_t *mta_message(const json_t *);

/*
 * Text may be any octets but NUL; in JSON each octet is the character of that
 * number. mta_bytes(): the octets of a string or of null (NULL), to be freed.
 * mta_text(): the string of octets, null for NULL.
 */
char *mta_bytes(const json_t *);
json_t *mta_text(const char *);

#endif
