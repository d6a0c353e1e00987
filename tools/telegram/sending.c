/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sending - the text of a message goes to its chat
 *
 * Each request waits until Telegram's limits allow it (turn.h), and what it was
 * answered is noted for the other runs.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "settings/settings.h"
#include "telegram/agents.h"
#include "telegram/botapi.h"
#include "telegram/delivery.h"
#include "telegram/lookup.h"
#include "telegram/order.h"
#include "telegram/sending.h"
#include "telegram/turn.h"

#define SEND_SECONDS 30
/* The longest retry_after to wait for here, and how many times. */
#define SHORT_SECONDS 10
#define SHORT_WAITS 3
/* If the user was looked up longer ago, that is done again. */
#define LOOK_MS 1000

static json_t *entities(const struct chattext *);
static json_t *params(struct delivery *, bool);
static void answered(struct delivery *, enum outcome, long);
static int wait_for(struct delivery *);
static int send_once(
    struct delivery *, bool, enum outcome *, struct botapi_answer *);
static int follow(struct delivery *, struct botapi_answer *);

/* The entities of the text; NULL if out of memory. */
static json_t *
entities(const struct chattext *text)
{
	static const char *const types[] = {
	    [CHATTEXT_BOLD] = "bold",
	    [CHATTEXT_LINK] = "text_link",
	    [CHATTEXT_STRUCK] = "strikethrough",
	};
	const struct chattext_entity *e;
	json_t *list, *entity;
	size_t i;

	list = json_array();
	for (i = 0; i < text->nentities; i++) {
		e = &text->entities[i];
		entity = json_pack("{s:s, s:I, s:I, s:s*}", "type",
		    types[e->kind], "offset", (json_int_t)e->from, "length",
		    (json_int_t)e->units, "url", e->url);
		if (json_array_append_new(list, entity) != 0) {
			json_decref(list);
			return (NULL);
		}
	}
	return (list);
}

static json_t *
params(struct delivery *d, bool marked)
{
	json_t *p;

	p = json_pack("{s:I, s:s, s:{s:b}}", "chat_id",
	    (json_int_t)d->user.chat, "text",
	    marked ? d->text.text : d->text.bare, "link_preview_options",
	    "is_disabled", 1);
	if (d->user.topic != 0)
		json_object_set_new(
		    p, "message_thread_id", json_integer(d->user.topic));
	if (hours_has(&d->settings->quiet_hours, time(NULL)))
		json_object_set_new(p, "disable_notification", json_true());
	if (p != NULL && marked && d->text.nentities > 0 &&
	    json_object_set_new(p, "entities", entities(&d->text)) != 0) {
		json_decref(p);
		return (NULL);
	}
	return (p);
}

static void
answered(struct delivery *d, enum outcome outcome, long retry_after)
{
	if (d->agents == NULL)
		return;
	if (outcome == OUTCOME_LATER && retry_after < 1)
		retry_after = 1;
	agents_answered(d->agents,
	    outcome == OUTCOME_SENT || outcome == OUTCOME_AGAIN,
	    outcome == OUTCOME_LATER ? retry_after : 0);
}

/* Wait until the request may be made. DELIVERY_GO_ON, or the exit status. */
static int
wait_for(struct delivery *d)
{
	struct botapi_answer none = {0};

	if (d->agents != NULL && !turn_request(d->agents)) {
		snprintf(none.text, sizeof(none.text), "%s",
		    agents_left(d->agents)
			? "the MTA has ended, and tries the message again"
			: "Telegram refuses the bot's messages");
		return (delivery_carry_out(d, OUTCOME_LATER, &none));
	}
	if (clock_ms() - d->looked <= LOOK_MS)
		return (DELIVERY_GO_ON);
	return (lookup_again(d));
}

/* Send, waiting for a short retry_after. DELIVERY_GO_ON, ${*outcome} and
 * ${answer}; or the exit status. */
static int
send_once(struct delivery *d, bool marked, enum outcome *outcome,
    struct botapi_answer *answer)
{
	int waits, status;

	for (waits = 0;; waits++) {
		status = wait_for(d);
		if (status != DELIVERY_GO_ON)
			return (status);
		botapi_call(d->api, "sendMessage", params(d, marked),
		    SEND_SECONDS, NULL, answer);
		*outcome = outcome_of(answer);
		answered(d, *outcome, answer->retry_after);
		if (*outcome != OUTCOME_LATER || waits == SHORT_WAITS ||
		    answer->retry_after < 1 ||
		    answer->retry_after > SHORT_SECONDS)
			return (DELIVERY_GO_ON);
		sleep((unsigned)answer->retry_after);
		botapi_answer_clear(answer);
	}
}

/* The group has a new id: wait for the turn there. Clears ${answer};
 * DELIVERY_GO_ON, or the exit status. */
static int
follow(struct delivery *d, struct botapi_answer *answer)
{
	int64_t to = answer->migrate_to;
	int status;

	botapi_answer_clear(answer);
	if (delivery_move(d, to) != 0)
		return (delivery_store_failed(d));
	status = order_wait(d);
	return (status == DELIVERY_GO_ON ? order_keep(d) : status);
}

int
sending_text(struct delivery *d)
{
	struct botapi_answer answer;
	enum outcome outcome;
	bool marked = true, moved = false;
	int status;

	for (;;) {
		status = send_once(d, marked, &outcome, &answer);
		if (status != DELIVERY_GO_ON)
			return (status);
		if (outcome == OUTCOME_NO_TOPIC && d->user.topic != 0) {
			d->user.topic = 0;
		} else if ((outcome == OUTCOME_REFUSED ||
			       outcome == OUTCOME_NO_TOPIC) &&
		    marked) {
			/* If it was an entity, plain text goes through. */
			marked = false;
		} else if (outcome == OUTCOME_MOVED && !moved) {
			moved = marked = true;
			status = follow(d, &answer);
			if (status != DELIVERY_GO_ON)
				return (status);
		} else {
			break;
		}
		botapi_answer_clear(&answer);
	}
	status = delivery_carry_out(d, outcome, &answer);
	botapi_answer_clear(&answer);
	return (status);
}
