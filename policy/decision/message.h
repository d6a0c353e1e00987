/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message - what a decision needs of one message
 *
 * Filled by the milter's callbacks, by `notifyctl explain` from a file, and as
 * to headers by notify-telegram.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/compiler.h"

#define TAG_HEADER "X-Notify-Category"
#define ACCOUNT_HEADER "X-Notify-Account"
#define DECIDED_HEADER "X-Notify-Decided"
#define HEADER_PREFIX "X-Notify-"
#define MESSAGE_ID_HEADER "Message-ID"

/* Limits on the headers of one message, on the bytes of one value, and on those
 * of all values of the tag, since decoding takes the most time. No honest
 * message reaches them; a hostile one takes no more memory and time. */
#define MESSAGE_HEADERS 1000
#define MESSAGE_TAG_MAX 4096
#define MESSAGE_TAGS_MAX 65536
/* From a client that is not trusted: each is removed, and the MTA searches all
 * headers for each. */
#define MESSAGE_REMOVED_HEADERS 20

/* NOTIFY of a recipient (RFC 3461, 4.1), as bits; 0 if it has none. */
#define MESSAGE_NOTIFY_NEVER 1
#define MESSAGE_NOTIFY_SUCCESS 2
#define MESSAGE_NOTIFY_FAILURE 4
#define MESSAGE_NOTIFY_DELAY 8

struct arena;

/* A header whose name begins with HEADER_PREFIX, in any case. */
struct header {
	const char *name;
	const char *value; /* may be folded; NULL: too long, or not needed */
	int index;	   /* among those of the same name, from 1 */
};

struct message {
	const char **recipients; /* exactly as the MTA gave them */
	size_t nrecipients;
	unsigned char *notify; /* of each, or NULL if none has any */
	struct header *headers;
	size_t nheaders, headers_cap;
	bool more;	  /* there were too many to keep, */
	bool more_tagged; /* a TAG_HEADER among those not kept */
	/* The first Message-ID that is not blank, which may be folded; NULL if
	 * there is none. */
	const char *id;
	bool id_given;	    /* by message_give_id() */
	const char *client; /* its address, for messages */
	bool no_client;	    /* the MTA knows no address of the client */
	bool trusted;	    /* may this client tag? */
	/* The MTA makes one of the recipients that it resolves to one address,
	 * and deletes them together. */
	bool fused;
};

/*
 * message_header(m, a, name, value): the next header of the message. It is
 * kept, as a copy in ${a}, if it is one of ours or the Message-ID. 0, or -1 if
 * out of memory.
 */
int message_header(struct message *, struct arena *, const char *name,
    const char *value) WARN_UNUSED;

/*
 * message_give_id(m, a, queue_id, host, now):
 * Give a message that has no Message-ID one as Postfix makes it, so that it can
 * be recognized when it comes again: <YYYYMMDDhhmmss.QUEUEID@HOST>. ${host}
 * NULL, or no host's name: "localhost". 0, or -1 if out of memory.
 */
int message_give_id(struct message *, struct arena *, const char *queue_id,
    const char *host, time_t now) WARN_UNUSED;

/* message_notify(parameters): the NOTIFY among the parameters of RCPT, which
 * end with NULL. */
unsigned char message_notify(char *const *parameters);

/* message_notify_text(notify): that as a parameter of RCPT; NULL for none. */
const char *message_notify_text(unsigned char notify);

#endif
