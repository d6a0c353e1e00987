/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * text - what Postfix's log and commands print
 */
#include <string.h>

#include "base/failure.h"
#include "notifyctl/postfix/text.h"

size_t
text_queueid(const char *text)
{
	return (strspn(text,
	    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "abcdefghijklmnopqrstuvwxyz"));
}

int
text_is_queueid(const char *text, struct failure *failure)
{
	size_t len = strlen(text);

	/* To postsuper(1), "ALL" is every message. */
	if (len > 0 && len <= TEXT_QUEUEID_MAX && strcmp(text, "ALL") != 0 &&
	    text_queueid(text) == len)
		return (0);
	return (failure_set(failure, FAILURE_USAGE,
	    "\"%.80s\" is not a queue id; expected one as mailq shows it",
	    text));
}

const char *
text_after(const char *text, const char *word)
{
	size_t len = strlen(word);

	return (strncmp(text, word, len) == 0 ? text + len : NULL);
}
