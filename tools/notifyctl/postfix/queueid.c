/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * queueid - Postfix's queue ids
 */
#include <string.h>

#include "base/failure.h"
#include "notifyctl/postfix/queueid.h"

#define QUEUE_ID_MAX 64

int
queueid_check(const char *id, struct failure *failure)
{
	size_t len = strlen(id);

	/* To postsuper(1), "ALL" is every message. */
	if (len > 0 && len <= QUEUE_ID_MAX && strcmp(id, "ALL") != 0 &&
	    strspn(id,
		"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz") == len)
		return (0);
	return (failure_set(failure, FAILURE_USAGE,
	    "\"%.80s\" is not a queue id; expected one as mailq shows it", id));
}
