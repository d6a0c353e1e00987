/*
 * message - what an MTA says of one message, as far as a decision needs it
 *
 * Filled by the milter's callbacks, or by `notifyctl explain` from a file.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#define TAG_HEADER "X-Notify-Category"
#define ACCOUNT_HEADER "X-Notify-Account"
#define HEADER_PREFIX "X-Notify-"

/* A header whose name begins with HEADER_PREFIX, in any case. */
struct header {
	const char *name;
	const char *value; /* may be folded */
	int index;	   /* among those of the same name, from 1 */
};

struct message {
	const char **recipients; /* to the octet as the MTA gave them */
	size_t nrecipients;
	struct header *headers;
	size_t nheaders;
	const char *client; /* for people: the client's address */
	bool trusted;	    /* may this client tag? */
};

#endif
