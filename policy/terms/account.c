/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * account - names of accounts
 */
#include <ctype.h>
#include <string.h>

#include "terms/account.h"

int
account_key(const char *name, char key[ACCOUNT_KEY_SIZE])
{
	size_t i, len;
	unsigned char c;

	len = strlen(name);
	if (len == 0 || len > ACCOUNT_NAME_MAX)
		return (0);
	for (i = 0; i <= len; i++) {
		c = (unsigned char)name[i];
		if (c >= 0x80 ||
		    (c != '\0' && !isalnum(c) && strchr("._-", c) == NULL))
			return (0);
		if (c == '.' && (i == 0 || i + 1 == len || name[i + 1] == '.'))
			return (0);
		key[i] = (char)tolower(c);
	}
	return (1);
}

const char *
account_dashes(const char *name)
{
	return (*name == '-' ? "-- " : "");
}
