/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message - what an MTA says of one message, as far as a decision needs it
 *
 * Filled by the milter's callbacks, or by `notifyctl explain` from a file.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

#define TAG_HEADER "X-Notify-Category"
#define ACCOUNT_HEADER "X-Notify-Account"
#define HEADER_PREFIX "X-Notify-"

/* So many are read, and a tag of so many octets; a message with more is not an
 * honest one, and takes no more memory. */
#define MESSAGE_HEADERS 1000
#define MESSAGE_TAG_MAX 4096

struct arena;

/* A header whose name begins with HEADER_PREFIX, in any case. */
struct header {
	const char *name;
	const char *value; /* may be folded; NULL: it is too long, or no tag */
	int index;	   /* among those of the same name, from 1 */
};

struct message {
	const char **recipients; /* to the octet as the MTA gave them */
	size_t nrecipients;
	struct header *headers;
	size_t nheaders, headers_cap;
	bool more;	    /* there are others that are not among them, */
	bool more_tagged;   /* and a TAG_HEADER is one of those */
	const char *client; /* for people: the client's address */
	bool trusted;	    /* may this client tag? */
};

/*
 * message_header(m, a, name, value): one of the message's headers, in their
 * order; kept, as a copy in ${a}, if it is one of ours. 0, or -1 for no memory.
 */
int message_header(struct message *, struct arena *, const char *name,
    const char *value) WARN_UNUSED;

#endif
