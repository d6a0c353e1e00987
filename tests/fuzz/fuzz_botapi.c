/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_botapi - answers of the Bot API, and messages to the bot
 *
 * The input is the HTTP status, in the first line, and the body. The valid
 * tokens are "first", of a user without a chat, and "second", of one with chat
 * 12.
 */
#include <stdbool.h>
#include <string.h>

#include <glib.h>
#include <jansson.h>
#include <unistr.h>

#include "base/arena.h"
#include "base/escape.h"
#include "fuzz/fuzz.h"
#include "fuzz/people.h"
#include "roster/roster.h"
#include "store/store_link.h"
#include "store/store_notice.h"
#include "telegram/botapi.h"
#include "telegram/conversation.h"
#include "telegram/outcome.h"
#include "telegram/patience.h"
#include "telegram/update.h"

#define UPDATES_MAX 16
#define FIRST "first"
#define SECOND "second"

static struct fixture fixture;
static struct patience *patience;

static void add_token(const char *, const char *, const char *);
static void check_outcome(const struct botapi_answer *);
static int count(void *, const struct store_user *);
static size_t links(int64_t);
static size_t all_links(void);
static bool starts_with_token(const char *);
static void check_words(const char *);
static int check_notice(void *, const struct store_notice *);
static void check_message(const struct chat_message *);
static void check_updates(const json_t *);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	people_make(&fixture);
	fixture.settings.bot = "acme_bot";
	fixture.settings.link_by_mail = true;
	return (0);
}

static void
add_token(const char *name, const char *address, const char *token)
{
	struct changes *c = &fixture.changes;
	struct store_account account;
	struct store_user user;
	char *hash;

	MUST(roster_account(c, name, &account) == 0 &&
		roster_user(c, &account, address, 0, &user) == 0,
	    "%s", address);
	hash = g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);
	MUST(store_token_add(fixture.store, hash, user.id, c->now + 1,
		 STORE_BY_CONNECT) != -1,
	    "no token");
	g_free(hash);
}

/* policy/README.md, How a message reaches Telegram: only an explicit answer of
 * the API itself ends or moves a link, or drops a message. */
static void
check_outcome(const struct botapi_answer *a)
{
	enum outcome outcome = outcome_of(a);

	MUST(memchr(a->text, '\0', sizeof(a->text)) != NULL, "no end");
	MUST(escape_is_line(a->text), "%s", a->text);
	if (!a->understood)
		MUST(outcome == OUTCOME_AGAIN || outcome == OUTCOME_TOKEN, "%d",
		    (int)outcome);
	if (a->understood && !a->ok)
		MUST(*a->text != '\0', "no reason");
	switch (outcome) {
	case OUTCOME_SENT:
		MUST(a->status == 200 && a->ok && a->result != NULL, "%ld",
		    a->status);
		break;
	case OUTCOME_GONE:
		MUST(!a->ok && (a->error_code == 403 || a->error_code == 400),
		    "%ld", a->error_code);
		break;
	case OUTCOME_MOVED:
		MUST(!a->ok && a->migrate_to != 0, "nowhere");
		break;
	case OUTCOME_STRIKE:
	case OUTCOME_NO_TOPIC:
	case OUTCOME_REFUSED:
		MUST(!a->ok && a->error_code == 400, "%ld", a->error_code);
		break;
	case OUTCOME_LATER:
		MUST(!a->ok && a->error_code == 429, "%ld", a->error_code);
		break;
	case OUTCOME_AGAIN:
	case OUTCOME_TOKEN:
	case OUTCOME_CONFLICT:
		break;
	}
}

static int
count(void *ctx, const struct store_user *u)
{
	(void)u;
	++*(size_t *)ctx;
	return (0);
}

static size_t
links(int64_t chat)
{
	size_t n = 0;

	MUST(
	    store_links_of_chat(fixture.store, chat, count, &n) != -1, "links");
	return (n);
}

/* The links of the chats in the initial roster. */
static size_t
all_links(void)
{
	return (links(11) + links(12) + links(13));
}

static bool
starts_with_token(const char *text)
{
	return (strncasecmp(text, "/start", 6) == 0 &&
	    (strstr(text, FIRST) != NULL || strstr(text, SECOND) != NULL));
}

/* The answer can be sent. */
static void
check_words(const char *text)
{
	uint16_t *units;
	size_t n;

	MUST(*text != '\0' &&
		u8_check((const uint8_t *)text, strlen(text)) == NULL,
	    "%s", text);
	units = u8_to_u16((const uint8_t *)text, strlen(text), NULL, &n);
	MUST(units != NULL && n <= 4096, "%zu units", n);
	free(units);
}

/* Links are mailed to users who may have a chat. */
static int
check_notice(void *ctx, const struct store_notice *n)
{
	bool any;

	(void)ctx;
	MUST(strcmp(n->kind, NOTICE_LINK) == 0, "%s", n->kind);
	MUST(store_linkable_any(fixture.store, n->address, &any) == 1 && any,
	    "%s", n->address);
	return (0);
}

static bool
is_stop(const char *text)
{
	return (strncasecmp(text, "/stop", 5) == 0);
}

/* Only a token links a chat, once, and never a group; no other link ends. */
static void
check_message(const struct chat_message *m)
{
	struct changes *c = &fixture.changes;
	struct chat_message again = *m;
	size_t before, after, others, others_after;
	struct chat_answer answer;
	bool waits;
	int rc;

	before = links(m->chat);
	others = all_links();
	waits = patience_waits(patience, m->chat, c->now) > 0;
	if (!conversation_heard(patience, c->settings->bot, m, c->now))
		return;
	rc = conversation_answer(c, patience, NULL, m, &answer);
	MUST(rc == 0 || rc == 1, "%s", failure_text(&fixture.failure));
	MUST((rc == 1) == (answer.text != NULL), "%d", rc);
	MUST(rc == 1 || !m->private || is_stop(m->text), "no answer");
	if (answer.text != NULL)
		check_words(answer.text);
	if (answer.log != NULL)
		MUST(escape_is_line(answer.log), "%s", answer.log);
	MUST(store_notices(fixture.store, check_notice, NULL) != -1, "notices");
	after = links(m->chat);
	others_after = all_links();
	if (after > before) {
		MUST(m->private, "a group was linked");
		MUST(!waits, "linked while it waits");
		MUST(after == before + 1, "%zu links", after);
		MUST(starts_with_token(m->text), "%s", m->text);
	}
	if (after < before)
		MUST(after == 0 && (is_stop(m->text) || m->moved_to != 0),
		    "%zu by %s", after, m->text);
	if (m->chat < 11 || m->chat > 13)
		MUST(others_after == others ||
			(others_after + 1 == others && after == before + 1),
		    "%zu, %zu", others, others_after);
	/* A token is valid once: somebody who saw it uses it elsewhere. */
	again.chat = INT64_MIN;
	MUST(conversation_answer(c, patience, NULL, &again, &answer) != -1,
	    "%s", failure_text(&fixture.failure));
	MUST(links(again.chat) == 0 || m->chat == again.chat || after <= before,
	    "%s again", m->text);
}

static void
check_updates(const json_t *result)
{
	struct update u;
	size_t i;
	int found;

	for (i = 0; i < json_array_size(result) && i < UPDATES_MAX; i++) {
		found = update_read(json_array_get(result, i), &u);
		if (found == -1)
			continue;
		MUST(u.id >= 0 && u.id < INT64_MAX, "%lld", (long long)u.id);
		if (found == 1)
			check_message(&u.message);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct botapi_answer answer = {0};
	const uint8_t *body;
	char *first, *copy;
	size_t len;

	body = memchr(data, '\n', size);
	if (body == NULL)
		return (0);
	first = fuzz_string(data, (size_t)(body - data));
	answer.status = strtol(first, NULL, 10);
	free(first);
	body++;
	len = size - (size_t)(body - data);
	/* Allocated as it was received, so that reads beyond it are found. */
	copy = malloc(len);
	memcpy(copy, body, len);
	botapi_answer_read(&answer, len == 0 ? NULL : copy, len);
	free(copy);
	check_outcome(&answer);
	if (outcome_of(&answer) == OUTCOME_SENT &&
	    json_is_array(answer.result)) {
		people_begin(&fixture);
		add_token("acme", "\"john doe\"@acme.example", FIRST);
		add_token("acme", "ann@acme.example", SECOND);
		patience = patience_new();
		MUST(patience != NULL, "out of memory");
		check_updates(answer.result);
		patience_free(patience);
		people_end(&fixture);
	}
	botapi_answer_clear(&answer);
	return (0);
}
