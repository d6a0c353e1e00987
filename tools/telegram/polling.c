/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * polling - asks Telegram for updates, and handles each exactly once
 */
#include <time.h>

#include <glib.h>
#include <jansson.h>

#include "base/arena.h"
#include "base/clock.h"
#include "lib/log.h"
#include "roster/membership.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_link.h"
#include "telegram/botapi.h"
#include "telegram/chattext.h"
#include "telegram/conversation.h"
#include "telegram/farewell.h"
#include "telegram/menu.h"
#include "telegram/outcome.h"
#include "telegram/patience.h"
#include "telegram/plaintext.h"
#include "telegram/polling.h"
#include "telegram/update.h"

/* Wait for a lock. Short, since a signal does not end it. */
#define WAIT_MS 1500
#define POLL_SECONDS 50
#define CALL_SECONDS 30
/* getUpdates waits for POLL_SECONDS; it must not be repeated faster. */
#define AT_ONCE_MS 2000
/* This many updates of the greatest length fit into an answer that botapi.c
 * accepts. */
#define UPDATES_AT_ONCE 50
/* Telegram numbers updates from a new random number after a week without
 * one. */
#define IDLE_SECONDS (6 * 24 * 3600)
/* The time between two warnings of many wrong tokens. */
#define WARN_SECONDS 600
#define OFFSET "bot_offset"
#define OFFSET_AT "bot_offset_at"

static int open_store(struct polling *);
static int64_t idle_seconds(const struct polling *, int64_t);
static int read_offset(struct polling *, int64_t *);
static int store_number(struct polling *, int64_t);
static int restore_patience(struct polling *, struct changes *);
static void warn_of_guesses(struct polling *, int64_t);
static int handle(struct polling *, int64_t, const struct chat_message *,
    struct chat_answer *);
static json_t *message(int64_t, const char *);
static void reply(struct polling *, const struct chat_message *, const char *);
static int take_update(struct polling *, const json_t *);
static int pass(struct polling *);
static void get_updates(struct polling *, int64_t, struct botapi_answer *);

static int
open_store(struct polling *p)
{
	if (p->store != NULL && !db_current(store_db(p->store))) {
		store_close(p->store);
		p->store = NULL;
	}
	if (p->store == NULL)
		p->store = store_open(
		    p->settings->url, DB_WRITE, WAIT_MS, &p->failure);
	return (p->store == NULL ? -1 : 0);
}

int
polling_claim(struct polling *p)
{
	int rc;

	p->failed = "roster";
	p->retry_after = 0;
	failure_clear(&p->failure);
	if (open_store(p) != 0)
		return (-1);
	rc = store_claim(p->store);
	return (rc == -1 ? polling_store_failed(p) : rc);
}

int
polling_own(struct polling *p)
{
	int rc;

	rc = polling_claim(p);
	if (rc == 0)
		return (failure_set(&p->failure, FAILURE_BUSY,
		    "another notify-bot has taken over"));
	return (rc == 1 ? 0 : -1);
}

void
polling_close(struct polling *p)
{
	store_close(p->store);
	p->store = NULL;
}

/* A database that was opened read-only, or has read damaged pages, stays in
 * that state: the next try reopens it. */
int
polling_store_failed(struct polling *p)
{
	store_end(p->store);
	if (p->failure.kind == FAILURE_NONE)
		store_failed(p->store, &p->failure);
	polling_close(p);
	return (-1);
}

/* The time since the last update was handled; ${at} is the stored time. If the
 * clock was corrected since, no update may be handled twice. */
static int64_t
idle_seconds(const struct polling *p, int64_t at)
{
	if (at == p->handled_at)
		return ((clock_boot_ms() - p->handled_ms) / 1000);
	return (time(NULL) - at);
}

/* The number of the first update to ask for; 0 for all. */
static int
read_offset(struct polling *p, int64_t *offset)
{
	int64_t at = 0;

	*offset = 0;
	if (store_begin(p->store, DB_READ) != 0 ||
	    store_state_get(p->store, OFFSET, offset) == -1 ||
	    store_state_get(p->store, OFFSET_AT, &at) == -1)
		return (polling_store_failed(p));
	store_end(p->store);
	if (idle_seconds(p, at) > IDLE_SECONDS)
		*offset = 0;
	return (0);
}

static int
store_number(struct polling *p, int64_t id)
{
	int64_t now = time(NULL);

	if (store_state_set(p->store, OFFSET, id + 1) == -1 ||
	    store_state_set(p->store, OFFSET_AT, now) == -1 ||
	    store_commit(p->store) != 0)
		return (polling_store_failed(p));
	p->handled_at = now;
	p->handled_ms = clock_boot_ms();
	p->passed = 0;
	return (0);
}

static int
restore_patience(struct polling *p, struct changes *c)
{
	if (p->patience_restored)
		return (0);
	if (conversation_restore(c, p->patience) != 0)
		return (-1);
	p->patience_restored = true;
	return (0);
}

static void
warn_of_guesses(struct polling *p, int64_t now)
{
	int wrong = patience_crowded(p->patience, now);

	if (wrong == 0 || now - p->warned < WARN_SECONDS)
		return;
	p->warned = now;
	log_warning("%d wrong connect tokens within a minute: somebody may be "
		    "guessing; wrong tokens get no answer for now",
	    wrong);
}

/* Handle an update, and store its number in the same transaction. */
static int
handle(struct polling *p, int64_t id, const struct chat_message *m,
    struct chat_answer *answer)
{
	struct changes c = {.settings = p->settings,
	    .arena = p->arena,
	    .failure = &p->failure,
	    .actor = "telegram chat",
	    .now = time(NULL)};

	*answer = (struct chat_answer){NULL, NULL};
	/* If another notify-bot has taken over, it gets the same update. */
	if (polling_own(p) != 0)
		return (-1);
	c.store = p->store;
	if (store_begin(p->store, DB_WRITE) != 0)
		return (polling_store_failed(p));
	if (m != NULL) {
		if (restore_patience(p, &c) != 0 ||
		    conversation_answer(&c, p->patience, p->texts, m, answer) ==
			-1)
			return (polling_store_failed(p));
		log_debug("update %lld of chat %lld: %s", (long long)id,
		    (long long)m->chat,
		    answer->text == NULL ? "no answer" : "answered");
		warn_of_guesses(p, c.now);
	}
	if (store_number(p, id) != 0)
		return (-1);
	if (answer->log != NULL)
		log_info("%s", answer->log);
	return (0);
}

/* What sendMessage takes. A text of the operator's, with its places filled in,
 * may be longer than Telegram takes. */
static json_t *
message(int64_t chat, const char *text)
{
	GString *fits = g_string_new(text);
	json_t *params;

	plaintext_cut(fits, CHATTEXT_UNITS_MAX, "…", false);
	params = json_pack(
	    "{s:I, s:s}", "chat_id", (json_int_t)chat, "text", fits->str);
	g_string_free(fits, TRUE);
	return (params);
}

enum outcome
polling_send(struct polling *p, int64_t chat, int64_t topic, const char *text,
    bool asked, struct botapi_answer *answer)
{
	json_t *params = message(chat, text);

	if (topic != 0)
		json_object_set_new(
		    params, "message_thread_id", json_integer(topic));
	if (!asked && hours_has(&p->settings->quiet_hours, time(NULL)))
		json_object_set_new(
		    params, "disable_notification", json_true());
	botapi_call(
	    p->api, "sendMessage", params, CALL_SECONDS, p->ending, answer);
	if (topic == 0 || outcome_of(answer) != OUTCOME_NO_TOPIC)
		return (outcome_of(answer));
	botapi_answer_clear(answer);
	return (polling_send(p, chat, 0, text, asked, answer));
}

static void
reply(struct polling *p, const struct chat_message *m, const char *text)
{
	struct botapi_answer answer;
	enum outcome outcome;

	/* No retry: a user without an answer asks again. */
	outcome = polling_send(p, m->chat, m->topic, text, true, &answer);
	if (outcome != OUTCOME_SENT && p->interrupted())
		log_info("stopped before Telegram had confirmed an answer");
	else if (outcome == OUTCOME_GONE)
		log_info("an answer was not sent: %s", answer.text);
	else if (outcome != OUTCOME_SENT)
		log_warning("an answer was not sent: %s", answer.text);
	botapi_answer_clear(&answer);
}

static int
take_update(struct polling *p, const json_t *update)
{
	struct update u;
	struct chat_answer answer;
	int found;

	found = update_read(update, &u);
	if (found == -1)
		return (-2);
	patience_mark(p->patience, u.message.chat);
	/* pass() stores its number, or a later update does. */
	if (found == 0 ||
	    !conversation_heard(
		p->patience, p->settings->bot, &u.message, time(NULL))) {
		p->passed = u.id;
		return (0);
	}
	arena_reset(p->arena);
	failure_clear(&p->failure);
	if (handle(p, u.id, &u.message, &answer) != 0) {
		/* Telegram sends it again; then it must count as new. */
		patience_back(p->patience);
		p->patience_restored = false;
		return (-1);
	}
	if (answer.text != NULL)
		reply(p, &u.message, answer.text);
	return (0);
}

/* Store the number of the last update that was ignored. */
static int
pass(struct polling *p)
{
	struct chat_answer none;

	if (p->passed == 0)
		return (0);
	failure_clear(&p->failure);
	return (handle(p, p->passed, NULL, &none));
}

static void
get_updates(struct polling *p, int64_t offset, struct botapi_answer *answer)
{
	json_t *params;

	/* Chats that are still to be told do not wait for updates. */
	params = json_pack("{s:i, s:i, s:[s]}", "timeout",
	    p->reachable && p->farewells.more ? 0 : POLL_SECONDS, "limit",
	    UPDATES_AT_ONCE, "allowed_updates", "message");
	if (offset != 0)
		json_object_set_new(params, "offset", json_integer(offset));
	botapi_call(p->api, "getUpdates", params, POLL_SECONDS + CALL_SECONDS,
	    p->interrupted, answer);
	log_debug("getUpdates from %lld: %zu updates", (long long)offset,
	    json_array_size(answer->result));
}

int
polling_ask(struct polling *p)
{
	struct botapi_answer answer;
	const char *trouble = NULL; /* caused by Telegram */
	int64_t asked, offset;
	size_t i, n;
	int rc = 0;

	menu_offer(p);
	/* The caller claims the roster again. */
	if ((p->reachable && farewell_say(p) != 0) || p->interrupted())
		return (1);
	if (read_offset(p, &offset) != 0)
		return (-1);
	asked = clock_ms();
	get_updates(p, offset, &answer);
	n = json_array_size(answer.result);
	if (p->interrupted()) {
		/* No number is stored, so Telegram sends the updates again. */
		n = 0;
	} else if (outcome_of(&answer) != OUTCOME_SENT ||
	    !json_is_array(answer.result)) {
		trouble =
		    *answer.text == '\0' ? "an invalid answer" : answer.text;
	}
	p->reachable = trouble == NULL;
	for (i = 0; rc == 0 && trouble == NULL && !p->ending() && i < n; i++) {
		rc = take_update(p, json_array_get(answer.result, i));
		if (rc == -2)
			trouble = "an update without a number";
	}
	/* After a failure the store is closed, and another notify-bot may have
	 * claimed the roster. */
	if (rc != -1 && p->store != NULL && pass(p) != 0 && trouble == NULL)
		rc = -1;
	if (trouble != NULL) {
		p->failed = "Telegram";
		p->retry_after = answer.retry_after;
		rc = failure_set(&p->failure, FAILURE_IO, "%s", trouble);
	}
	botapi_answer_clear(&answer);
	if (rc == -1)
		return (-1);
	return (n > 0 || clock_ms() - asked >= AT_ONCE_MS);
}
