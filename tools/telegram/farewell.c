/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * farewell - tells chats that their link has ended by a command, or for another
 *
 * A row is removed when Telegram has taken its message, so a crash in between
 * repeats the message and loses none.
 */
#include <string.h>
#include <time.h>

#include <glib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/escape.h"
#include "lib/log.h"
#include "lib/texts.h"
#include "store/store.h"
#include "store/store_link.h"
#include "telegram/botapi.h"
#include "telegram/farewell.h"
#include "telegram/outcome.h"
#include "telegram/polling.h"

/* So many at once: whoever writes to the bot waits meanwhile. */
#define AT_ONCE 20
/* The pause after a failure, and the longest that Telegram may ask for. */
#define PAUSE_SECONDS 30
#define PAUSE_MAX 3600

/* The chat is linked again to the account, or still, for another user. */
struct search {
	const char *account;
	bool found;
};

static int match_account(void *, const struct store_user *);
static int next(struct polling *, int64_t, struct store_farewell *, bool *);
static int remove_row(struct polling *, int64_t);
static void later(struct polling *, long, const char *);
static bool say(struct polling *, const struct store_farewell *);
static bool same_words(
    const struct store_farewell *, const struct store_farewell *);
static int take(
    struct polling *, struct store_farewell *, struct store_farewell *);

static int
match_account(void *ctx, const struct store_user *u)
{
	struct search *s = ctx;

	s->found = s->found || strcmp(u->account_name, s->account) == 0;
	return (0);
}

/* The first farewell with an id above ${after}: 1 with it, and whether the chat
 * is ${*linked} to the account now. */
static int
next(struct polling *p, int64_t after, struct store_farewell *f, bool *linked)
{
	struct search search = {0};
	int rc;

	*linked = false;
	if (polling_own(p) != 0)
		return (-1);
	if (store_begin(p->store, DB_READ) != 0)
		return (polling_store_failed(p));
	rc = store_farewell_next(p->store, p->arena, after, f);
	search.account = f->account;
	if (rc == 1 &&
	    store_links_of_chat(p->store, f->chat, match_account, &search) ==
		-1)
		rc = -1;
	if (rc == -1)
		return (polling_store_failed(p));
	store_end(p->store);
	*linked = search.found;
	return (rc);
}

static int
remove_row(struct polling *p, int64_t id)
{
	if (store_begin(p->store, DB_WRITE) != 0 ||
	    store_farewell_remove(p->store, id) == -1 ||
	    store_commit(p->store) != 0)
		return (polling_store_failed(p));
	p->farewells.said = 0;
	return (0);
}

/* It cannot be said now. Logged once. */
static void
later(struct polling *p, long pause, const char *why)
{
	struct farewells *f = &p->farewells;

	if (pause < 1)
		pause = PAUSE_SECONDS;
	if (pause > PAUSE_MAX)
		pause = PAUSE_MAX;
	f->next = clock_boot_ms() + pause * 1000;
	if (!f->troubled)
		log_warning("a chat cannot be told yet that its link has "
			    "ended: %s; retrying for a day",
		    why);
	f->troubled = true;
}

/* False if it has to be tried again. */
static bool
say(struct polling *p, const struct store_farewell *f)
{
	struct botapi_answer answer;
	enum outcome outcome;
	const struct text_place places[] = {
	    {"account", f->account}, {NULL, NULL}};
	const char *account = escape_controls(p->arena, f->account), *text;
	char *filled;

	if (account == NULL)
		return (false);
	filled = texts_fill(p->texts, f->language, TEXT_BOT_FAREWELL, places);
	text = arena_strdup(p->arena, filled);
	g_free(filled);
	if (text == NULL)
		return (false);
	outcome = polling_send(p, f->chat, f->topic, text, false, &answer);
	if (outcome == OUTCOME_MOVED) {
		int64_t to = answer.migrate_to;

		botapi_answer_clear(&answer);
		outcome = polling_send(p, to, 0, text, false, &answer);
	}
	switch (outcome) {
	case OUTCOME_SENT:
		if (p->farewells.troubled)
			log_info("chats are told again that their link has "
				 "ended");
		p->farewells.troubled = false;
		log_info(
		    "account=%s: told a chat that its link has ended", account);
		break;
	case OUTCOME_GONE:
	case OUTCOME_STRIKE:
	case OUTCOME_REFUSED:
	case OUTCOME_NO_TOPIC:
		log_info("account=%s: a chat cannot be told that its link has "
			 "ended: %s",
		    account, answer.text);
		break;
	case OUTCOME_AGAIN:
	case OUTCOME_LATER:
	case OUTCOME_TOKEN:
	case OUTCOME_MOVED:
	case OUTCOME_CONFLICT:
		if (!p->interrupted())
			later(p, answer.retry_after, answer.text);
		botapi_answer_clear(&answer);
		return (false);
	}
	botapi_answer_clear(&answer);
	return (true);
}

/* Several users of an account may have had one chat. */
static bool
same_words(const struct store_farewell *a, const struct store_farewell *b)
{
	return (a->id != 0 && a->chat == b->chat && a->topic == b->topic &&
	    strcmp(a->account, b->account) == 0);
}

/* Say the next one and remove it. 1; 0 if there is none, or not now. */
static int
take(struct polling *p, struct store_farewell *f, struct store_farewell *last)
{
	bool linked;
	int rc;

	rc = next(p, last->id, f, &linked);
	if (rc != 1)
		return (rc);
	if (!linked && f->id != p->farewells.said && !same_words(last, f) &&
	    time(NULL) - f->at <= FAREWELL_SECONDS) {
		if (!say(p, f))
			return (0);
		/* If its row cannot be removed it must not be said again. */
		p->farewells.said = f->id;
	}
	*last = *f;
	return (remove_row(p, f->id) == 0 ? 1 : -1);
}

int
farewell_say(struct polling *p)
{
	struct store_farewell f = {0}, last = {0};
	int i, rc = 1;

	p->farewells.more = false;
	if (clock_boot_ms() < p->farewells.next)
		return (0);
	arena_reset(p->arena);
	failure_clear(&p->failure);
	for (i = 0; i < AT_ONCE && rc == 1 && !p->interrupted(); i++)
		rc = take(p, &f, &last);
	p->farewells.more = rc == 1;
	if (rc != -1)
		return (0);
	later(p, 0, failure_text(&p->failure));
	return (-1);
}
