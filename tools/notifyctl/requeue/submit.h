/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * submit - submits a message with its whole envelope to an SMTP server
 *
 * In two steps, so that the caller can make a note in between: before
 * submit_end() the server has taken nothing, after it the message or nothing.
 *
 * Threads: one at a time.
 */
#ifndef SUBMIT_H
#define SUBMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct failure;
struct sockaddr;
struct submit;

/* NOTIFY of RFC 3461; the numbers are Postfix's. 0: not given. */
enum {
	SUBMIT_NOTIFY_NEVER = 1,
	SUBMIT_NOTIFY_SUCCESS = 2,
	SUBMIT_NOTIFY_FAILURE = 4,
	SUBMIT_NOTIFY_DELAY = 8,
};
enum { SUBMIT_RET_FULL = 1, SUBMIT_RET_HDRS = 2 };

struct submit_recipient {
	const char *address; /* as between angle brackets */
	const char *orcpt;   /* "type;address", decoded; NULL: not given */
	int notify;
};

struct submit_message {
	const char *sender; /* likewise; "" is the null sender */
	const char *envid;  /* decoded; NULL: not given */
	int ret;	    /* 0: not given */
	bool eightbit;	    /* BODY=8BITMIME */
	bool utf8;	    /* SMTPUTF8 */
	struct submit_recipient *recipients;
	size_t nrecipients;
	int fd; /* the content, with LF line ends, read from its beginning */
};

enum submit_result {
	SUBMIT_TAKEN,	/* the server is responsible for it */
	SUBMIT_REFUSED, /* the server has taken nothing */
	SUBMIT_UNKNOWN, /* the server did not answer */
};

/* submit_open(a, host, port, failure): connect, and say EHLO. */
struct submit *submit_open(struct arena *, const char *host, const char *port,
    struct failure *) WARN_UNUSED;

/* submit_close(s): NULL is fine. Gives up a message that was begun. */
void submit_close(struct submit *);

/* submit_source(s), submit_source_text(s): our address at this connection. */
const struct sockaddr *submit_source(const struct submit *);
const char *submit_source_text(const struct submit *);

/* submit_begin(s, message, failure): send everything but the end. */
int submit_begin(struct submit *, const struct submit_message *,
    struct failure *) WARN_UNUSED;

/* submit_end(s, queue_id, failure): send the end. ${*queue_id} is the server's
 * id for it, NULL if it does not tell. */
enum submit_result submit_end(
    struct submit *, const char **queue_id, struct failure *) WARN_UNUSED;

#endif
