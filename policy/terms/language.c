/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * language - names of languages, as the files of texts have them
 */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "terms/language.h"

#define SUBTAG_MAX 8

int
language_read(const char *text, char language[LANGUAGE_SIZE])
{
	size_t i, len = 0; /* of the subtag */
	bool first = true;
	unsigned char c;

	if (strlen(text) >= LANGUAGE_SIZE)
		return (0);
	for (i = 0; (c = (unsigned char)text[i]) != '\0'; i++) {
		if (c == '-' || c == '_') {
			if (len == 0 || (first && len == 1))
				return (0);
			first = false;
			len = 0;
			language[i] = '-';
			continue;
		}
		if (c >= 0x80 || !isalnum(c) || (first && isdigit(c)) ||
		    ++len > (first ? 3 : SUBTAG_MAX))
			return (0);
		language[i] = (char)tolower(c);
	}
	language[i] = '\0';
	return (i == 0 || (len > 0 && (!first || len > 1)));
}
