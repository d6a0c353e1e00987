/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * phrase - a change to the roster, in words
 */
#include <stdio.h>
#include <string.h>

#include "notifyctl/phrase.h"
#include "store/store.h"

static const char *phrase(const char *);

/* What a recorded action is called for people. */
static const char *
phrase(const char *action)
{
	static const struct {
		const char *action;
		const char *phrase;
	} phrases[] = {
	    {"account-add", "made account"},
	    {"account-transfer", "transferred to"},
	    {"account-remove", "removed account"},
	    {"category-add", "made category"},
	    {"user-add", "added"},
	    {"user-role", "gave another role to"},
	    {"user-remove", "removed"},
	    {"subscribe", "subscribed"},
	    {"unsubscribe", "unsubscribed"},
	    {"telegram-link", "linked a Telegram chat to"},
	    {"telegram-end", "ended the Telegram link of"},
	};
	size_t i;

	for (i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
		if (strcmp(action, phrases[i].action) == 0)
			return (phrases[i].phrase);
	}
	return (action);
}

char *
phrase_change(const struct store_change *c)
{
	char *text;

	if (asprintf(&text, "%s%s%s %s%s%s%s", c->account,
		*c->account == '\0' ? "" : ": ", phrase(c->action), c->subject,
		*c->detail == '\0' ? "" : " (", c->detail,
		*c->detail == '\0' ? "" : ")") < 0)
		return (NULL);
	return (text);
}
