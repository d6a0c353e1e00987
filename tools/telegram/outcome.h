/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * outcome - what an answer of the Bot API means for a message
 *
 * policy/README.md, How a message reaches Telegram: decided here alone. Pure.
 */
#ifndef OUTCOME_H
#define OUTCOME_H

struct botapi_answer;

enum outcome {
	OUTCOME_SENT,
	OUTCOME_AGAIN,	  /* no network, a timeout, 5xx, nonsense: retry */
	OUTCOME_LATER,	  /* 429: retry after retry_after seconds */
	OUTCOME_TOKEN,	  /* the bot's token is rejected: retry */
	OUTCOME_GONE,	  /* blocked, kicked, deactivated: the link is dead */
	OUTCOME_STRIKE,	  /* chat not found: several of these end the link */
	OUTCOME_MOVED,	  /* the group has a new id, migrate_to */
	OUTCOME_NO_TOPIC, /* the topic was deleted, or is closed */
	OUTCOME_REFUSED,  /* this message can never be sent */
	OUTCOME_CONFLICT, /* getUpdates: a second poller, or a webhook */
};

enum outcome outcome_of(const struct botapi_answer *);

#endif
