/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcome - what an answer of the Bot API means for a message
 *
 * By scope: a failure of the site (network, token, rate) is retried, one of the
 * chat ends or moves the link, one of the message alone drops the message: the
 * user has the mail.
 */
#include <string.h>

#include "telegram/botapi.h"
#include "telegram/outcome.h"

static enum outcome bad_request(const struct botapi_answer *);

/* For status 400 only the description distinguishes the causes. */
static enum outcome
bad_request(const struct botapi_answer *a)
{
	static const char *const not_found[] = {"chat not found",
	    "PEER_ID_INVALID", "group chat was upgraded", "user not found"};
	/* It is moved to another server, or Telegram has suspended it. */
	static const char *const bot[] = {"logged out", "FROZEN_"};
	static const char *const no_topic[] = {
	    "message thread not found", "TOPIC_DELETED", "TOPIC_CLOSED"};
	size_t i;

	if (a->migrate_to != 0)
		return (OUTCOME_MOVED);
	if (strcasestr(a->text, "deactivated") != NULL)
		return (OUTCOME_GONE);
	for (i = 0; i < sizeof(bot) / sizeof(bot[0]); i++) {
		if (strcasestr(a->text, bot[i]) != NULL)
			return (OUTCOME_AGAIN);
	}
	for (i = 0; i < sizeof(not_found) / sizeof(not_found[0]); i++) {
		if (strcasestr(a->text, not_found[i]) != NULL)
			return (OUTCOME_STRIKE);
	}
	for (i = 0; i < sizeof(no_topic) / sizeof(no_topic[0]); i++) {
		if (strcasestr(a->text, no_topic[i]) != NULL)
			return (OUTCOME_NO_TOPIC);
	}
	return (OUTCOME_REFUSED);
}

enum outcome
outcome_of(const struct botapi_answer *a)
{
	long code;

	if (a->understood && a->ok)
		return (a->status == 200 ? OUTCOME_SENT : OUTCOME_AGAIN);
	/* Without an answer of the API itself only two statuses count: a
	 * proxy's 403 must not end a link. */
	code = a->understood ? a->error_code : a->status;
	if (code == 401 || code == 404)
		return (OUTCOME_TOKEN);
	if (!a->understood || a->status >= 500)
		return (OUTCOME_AGAIN);
	switch (code) {
	case 400:
		return (bad_request(a));
	case 403:
		return (OUTCOME_GONE);
	case 409:
		return (OUTCOME_CONFLICT);
	case 429:
		return (OUTCOME_LATER);
	default:
		return (OUTCOME_AGAIN);
	}
}
