/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queueid - Postfix's queue ids
 */
#include <string.h>

#include "base/failure.h"
#include "notifyctl/postfix/queueid.h"

size_t
queueid_length(const char *text)
{
	return (strspn(text,
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz"));
}

int
queueid_check(const char *id, struct failure *failure)
{
	size_t len = strlen(id);

	/* To postsuper(1), "ALL" is every message. */
	if (len > 0 && len <= QUEUEID_MAX && strcmp(id, "ALL") != 0 &&
	    queueid_length(id) == len)
		return (0);
	return (failure_set(failure, FAILURE_USAGE,
	    "\"%.80s\" is not a queue id; expected one as mailq shows it", id));
}
