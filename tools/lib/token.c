/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * token - the bot's token, in its file
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/failure.h"
#include "base/regular.h"
#include "lib/identity.h"
#include "lib/token.h"

int
token_read(const char *path, char token[TOKEN_SIZE], struct failure *failure)
{
	FILE *stream;
	size_t len;
	int reason;

	if (identity_take(path, NULL, failure) != 0)
		return (-1);
	stream = regular_stream(path);
	reason = errno;
	identity_drop();
	if (stream == NULL)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "token file %s: %s; expected the bot's token in it, and "
		    "that this user may read it",
		    path, strerror(reason)));
	len = fread(token, 1, TOKEN_SIZE - 1, stream);
	fclose(stream);
	if (len < TOKEN_SIZE - 1) {
		while (len > 0 && isspace((unsigned char)token[len - 1]))
			len--;
		token[len] = '\0';
		if (strchr(token, ':') != NULL &&
		    strspn(token,
			"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			"abcdefghijklmnopqrstuvwxyz:_-") == len)
			return (0);
	}
	return (failure_set(failure, FAILURE_DATA,
	    "token file %s: not a bot token; expected the one line that "
	    "BotFather gave",
	    path));
}
