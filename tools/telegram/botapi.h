/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * botapi - calls of the Telegram Bot API
 *
 * The token is part of every URL: no URL leaves botapi.c, in no log and no
 * error text.
 *
 * Threads: one struct botapi, one thread.
 */
#ifndef BOTAPI_H
#define BOTAPI_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/compiler.h"

struct botapi;
struct failure;
struct settings;

struct botapi_answer {
	long status;	    /* of HTTP; 0 if no complete answer came */
	bool understood;    /* the body is a Bot API answer */
	bool ok;	    /* its "ok" */
	long error_code;    /* if not ok: its code, */
	char text[256];	    /* and description, or else what failed; one
			       printable line */
	long retry_after;   /* seconds; 0 if not given */
	int64_t migrate_to; /* a chat's new id; 0 if not given */
	json_t *result;	    /* owned by the answer; may be NULL */
};

/*
 * botapi_open(settings, failure): read the token from
 * $CREDENTIALS_DIRECTORY/bot-token if there is such a file, else from
 * token_file. NULL with FAILURE_SETTINGS if there is no usable token.
 */
struct botapi *botapi_open(
    const struct settings *, struct failure *) WARN_UNUSED;
void botapi_close(struct botapi *);

/*
 * botapi_call(api, method, params, seconds, stop, answer): one call of at most
 * ${seconds}, aborted as soon as stop(), unless NULL, is true; takes over
 * ${params}. Always fills ${answer}, which the caller must clear.
 */
typedef bool botapi_stop_fn(void);
void botapi_call(struct botapi *, const char *method, json_t *params,
    long seconds, botapi_stop_fn *stop, struct botapi_answer *);
void botapi_answer_clear(struct botapi_answer *);

/*
 * botapi_answer_read(answer, body, len): parse a body; ${answer} is empty but
 * for the status. A malformed body is not understood. For botapi_call(), and
 * for tests.
 */
void botapi_answer_read(struct botapi_answer *, const char *body, size_t len);

#endif
