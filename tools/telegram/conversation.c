/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conversation - what people say to the bot, and what it answers
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <glib.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "lib/texts.h"
#include "roster/link.h"
#include "roster/linkmail.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_link.h"
#include "terms/address.h"
#include "telegram/conversation.h"
#include "telegram/patience.h"
#include "telegram/plaintext.h"

/* A longer token is not ours. */
#define TOKEN_MAX 64
/* A list in an answer ends here, in UTF-16 code units: below the length that
 * Telegram takes. */
#define LIST_MAX 4000
/* How many people a refusal names. */
#define MANAGERS_MAX 5
/* A refusal is a number in the database, under this and the chat's id. */
#define REFUSED "bot_refused:"

/* A message, and what it takes to answer it. */
struct talk {
	struct changes *c;
	struct patience *p;
	const struct chat_message *m;
	struct chat_answer *answer;
	const struct texts *texts;
	const char *language; /* of the answer */
};

/* The mirrored categories that a user receives. */
struct mirrored {
	struct arena *arena;
	enum role role;
	struct category *v;
	size_t n, cap;
};

/* An answer with many lines. NULL text: out of memory. */
struct list {
	struct arena *arena;
	const char *text;
	bool full;
};

static int say(const struct talk *, const char *);
static const char *words(
    const struct talk *, enum text, const struct store_user *);
static int say_text(const struct talk *, enum text);
static bool for_other(const char *, const char *);
static const char *command(const char *, const char *, const char *);
static int take_language(void *, const struct store_user *);
static int find_language(struct talk *);
static void add_line(struct list *, const char *);
static void add_name(struct list *, const char *);
static void add_category(struct list *, const char *, const char *);
static int take_mirrored(void *, const struct category *);
static bool is_listed(const struct mirrored *, size_t);
static int list_categories(const struct talk *, const struct store_user *,
    struct mirrored *, struct list *);
static const char *token_of(const char *, const struct chat_message *);
static int say_count(const struct talk *, int, enum text, enum text);
static int too_many(const struct talk *, int);
static int wrong(const struct talk *);
static int refused(const struct talk *, const struct store_user *);
static int start(struct talk *, const char *);
static int say_help(const struct talk *, enum text);
static int note(const struct talk *, const struct linkmail_request *);
static int mail_links(const struct talk *, const char *);
static int list_linked(const struct talk *, enum text, enum text, bool);
static int move(const struct talk *);
static int restore(void *, const char *, int64_t);

static int
say(const struct talk *t, const char *text)
{
	t->answer->text = text;
	return (text == NULL ? failure_memory(t->c->failure) : 1);
}

/* A text, about ${user} or NULL; NULL if out of memory. */
static const char *
words(const struct talk *t, enum text text, const struct store_user *user)
{
	const struct text_place places[] = {
	    {user == NULL ? NULL : "account",
		user == NULL ? NULL : user->account_name},
	    {"address", user == NULL ? NULL : user->address},
	    {NULL, NULL},
	};
	char *filled = texts_fill(t->texts, t->language, text, places);
	const char *kept = arena_strdup(t->c->arena, filled);

	g_free(filled);
	return (kept);
}

static int
say_text(const struct talk *t, enum text text)
{
	return (say(t, words(t, text, NULL)));
}

/* Is ${text} a command that names another bot than ${bot}, as "/stop@other"? If
 * the settings name none it may be ours. */
static bool
for_other(const char *bot, const char *text)
{
	size_t len = strcspn(text, " \n\t"), at = strcspn(text, "@ \n\t");

	if (*text != '/' || text[at] != '@' || *bot == '\0')
		return (false);
	text += at + 1;
	len -= at + 1;
	return (strlen(bot) != len || strncasecmp(text, bot, len) != 0);
}

/* The argument of the command ${name}, or NULL if ${text} is another command,
 * or one for another bot. */
static const char *
command(const char *bot, const char *text, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(text, name, len) != 0 || for_other(bot, text))
		return (NULL);
	text += len;
	if (*text == '@')
		text += strcspn(text, " \n\t");
	if (*text != '\0' && strchr(" \n\t", *text) == NULL)
		return (NULL);
	return (text + strspn(text, " \n\t"));
}

/* The first user with a language that there is. */
static int
take_language(void *ctx, const struct store_user *u)
{
	struct talk *t = ctx;

	if (t->language != NULL || u->language == NULL ||
	    !texts_speaks(t->texts, u->language))
		return (0);
	t->language = arena_strdup(t->c->arena, u->language);
	return (t->language == NULL ? -1 : 0);
}

/* The language of the answer. */
static int
find_language(struct talk *t)
{
	t->language = NULL;
	if (store_links_of_chat(t->c->store, t->m->chat, take_language, t) ==
	    -1)
		return (store_failed(t->c->store, t->c->failure));
	if (t->language == NULL)
		t->language = t->m->language;
	return (0);
}

/* Add ${line}, NULL if out of memory, if there is room. */
static void
add_line(struct list *l, const char *line)
{
	if (l->text == NULL || l->full)
		return;
	l->full = line != NULL &&
	    plaintext_units(l->text) + plaintext_units(line) >= LIST_MAX;
	l->text = line == NULL ? NULL
			       : arena_concat(l->arena, l->text, "\n",
				     l->full ? "..." : line, NULL);
}

static void
add_name(struct list *l, const char *name)
{
	char *shown = texts_line(name, true);

	add_line(l, arena_strdup(l->arena, shown));
	g_free(shown);
}

static void
add_category(struct list *l, const char *title, const char *about)
{
	char *shown = texts_line(title, false);
	char *more = texts_line(about, false);

	add_line(l,
	    arena_concat(
		l->arena, "- ", shown, *more == '\0' ? "" : ": ", more, NULL));
	g_free(shown);
	g_free(more);
}

static int
take_mirrored(void *ctx, const struct category *category)
{
	struct mirrored *m = ctx;

	if (!role_mirrored(m->role, true, category))
		return (0);
	m->v = arena_grow(m->arena, m->v, m->n, &m->cap, sizeof(*m->v));
	if (m->v == NULL)
		return (-1);
	m->v[m->n++] = *category;
	return (0);
}

/* Is the category ${i} before ${i} too? */
static bool
is_listed(const struct mirrored *m, size_t i)
{
	size_t j;

	for (j = 0; j < i && m->v[j].id != m->v[i].id; j++)
		;
	return (j < i);
}

/* What comes to the chat for ${user}. ${m} has what was listed before for
 * others, with its description, which is not repeated. */
static int
list_categories(const struct talk *t, const struct store_user *user,
    struct mirrored *m, struct list *l)
{
	struct store *s = t->c->store;
	size_t i = m->n;
	const char *about;
	const struct category *category;
	int rc;

	m->role = user->role;
	rc = user->role == ROLE_OWNER
	    ? store_categories(s, take_mirrored, m)
	    : store_subscriptions(s, user->id, take_mirrored, m);
	if (rc == -1)
		return (store_failed(s, t->c->failure));
	for (; i < m->n; i++) {
		category = &m->v[i];
		about = is_listed(m, i)
		    ? ""
		    : texts_description(t->texts, t->language, category->slug,
			  category->description);
		add_category(l,
		    texts_title(
			t->texts, t->language, category->slug, category->title),
		    about);
	}
	return (0);
}

/* The argument of /start, or NULL. */
static const char *
token_of(const char *bot, const struct chat_message *m)
{
	const char *rest;

	rest = command(bot, m->text, "/start");
	return (rest == NULL || *rest == '\0' ? NULL : rest);
}

/* Tell the chat to wait for so long, by the text for ${one} minute or ${many}.
 */
static int
say_count(const struct talk *t, int seconds, enum text one, enum text many)
{
	int minutes = (seconds + 59) / 60;
	char count[16], *filled;
	const struct text_place places[] = {{"count", count}, {NULL, NULL}};
	const char *answer;

	snprintf(count, sizeof(count), "%d", minutes);
	filled = texts_fill(
	    t->texts, t->language, minutes == 1 ? one : many, places);
	answer = arena_strdup(t->c->arena, filled);
	g_free(filled);
	return (say(t, answer));
}

/* Tell the chat, once, that it must wait. */
static int
too_many(const struct talk *t, int seconds)
{
	(void)patience_told(t->p, t->m->chat);
	return (say_count(t, seconds, TEXT_BOT_WAIT, TEXT_BOT_WAIT_MANY));
}

/* The token was wrong. While very many are wrong, nobody gets an answer. */
static int
wrong(const struct talk *t)
{
	const struct chat_message *m = t->m;
	struct patience *p = t->p;
	struct changes *c = t->c;
	char name[64];
	int wait;

	wait = patience_wrong(p, m->chat, c->now);
	if (wait > 0) {
		snprintf(
		    name, sizeof(name), REFUSED "%lld", (long long)m->chat);
		if (store_state_expire(
			c->store, REFUSED, patience_number_at(c->now)) == -1 ||
		    store_state_set(
			c->store, name, patience_number(p, m->chat)) == -1)
			return (store_failed(c->store, c->failure));
	}
	if (patience_crowded(p, c->now) > 0)
		return (0);
	if (wait > 0)
		return (too_many(t, wait));
	return (say_text(t, TEXT_BOT_REFUSED));
}

/* The token is good, but its user may not have a chat: name who can change
 * that. Only the user's own token leads here. */
static int
refused(const struct talk *t, const struct store_user *user)
{
	struct changes *c = t->c;
	struct store_user_list managers = {.arena = c->arena};
	struct list list = {c->arena, words(t, TEXT_BOT_ASK, user), false};
	size_t i;

	if (store_managers(c->store, user->account, MANAGERS_MAX,
		store_user_keep, &managers) == -1)
		return (store_failed(c->store, c->failure));
	for (i = 0; i < managers.n; i++)
		add_name(&list, managers.v[i].address);
	add_line(&list, words(t, TEXT_BOT_ASK_THEN, NULL));
	return (say(t, list.text));
}

static int
start(struct talk *t, const char *rest)
{
	const struct chat_message *m = t->m;
	struct patience *p = t->p;
	struct changes *c = t->c;
	struct store_user user;
	char token[TOKEN_MAX + 1];
	size_t len;
	int rc, wait;

	len = strcspn(rest, " \n\t");
	if (len == 0)
		return (say_help(t, TEXT_BOT_HELP));
	if (!m->private && !c->settings->allow_groups)
		return (say_text(t, TEXT_BOT_GROUP));
	wait = patience_waits(p, m->chat, c->now);
	if (wait > 0)
		return (too_many(t, wait));
	rc = 0;
	if (len <= TOKEN_MAX) {
		memcpy(token, rest, len);
		token[len] = '\0';
		rc = link_redeem(c, token, m->chat, m->topic, &user);
	}
	if (rc == -1)
		return (-1);
	if (rc == 0 && (len > TOKEN_MAX || user.id == 0))
		return (wrong(t));
	if (user.language != NULL && texts_speaks(t->texts, user.language))
		t->language = user.language;
	if (rc == 0)
		return (refused(t, &user));
	patience_right(p, m->chat);
	return (say(t, words(t, TEXT_BOT_LINKED, &user)));
}

/* A text that says how to link the chat. */
static int
say_help(const struct talk *t, enum text text)
{
	struct list list = {t->c->arena, words(t, text, NULL), false};

	if (conversation_mails(t->c->settings))
		add_line(&list, words(t, TEXT_BOT_HELP_LINK, NULL));
	return (say(t, list.text));
}

/* For the log. What the answer hides may stand there. */
static int
note(const struct talk *t, const struct linkmail_request *r)
{
	struct arena *a = t->c->arena;
	const char *address = escape_controls(a, r->key);

	if (address != NULL)
		t->answer->log = arena_printf(a,
		    "link by mail: asker=%lld chat=%lld address=%s: %s",
		    (long long)r->asker, (long long)r->chat, address, r->done);
	return (t->answer->log == NULL ? failure_memory(t->c->failure) : 0);
}

/* /link. The answer does not depend on what the roster has. */
static int
mail_links(const struct talk *t, const char *rest)
{
	const struct chat_message *m = t->m;
	struct changes *c = t->c;
	struct linkmail_request r = {.chat = m->chat, .asker = m->from};
	struct address address;
	const char *why;
	char *text;
	int rc;

	if (!m->private && !c->settings->allow_groups)
		return (say_text(t, TEXT_BOT_GROUP));
	text = g_strchomp(g_strdup(rest));
	rc = address_read_strict(c->arena, text, &address, &why);
	g_free(text);
	if (rc == -1)
		return (failure_memory(c->failure));
	if (rc == 0)
		return (say_text(t, TEXT_BOT_LINK_WHAT));
	r.key = address.key;
	rc = linkmail_ask(c, &r);
	if (rc == -1 || note(t, &r) != 0)
		return (-1);
	if (rc == 1)
		return (say_text(t, TEXT_BOT_LINK_ASKED));
	patience_links(t->p, m->chat, c->now + r.wait);
	return (
	    say_count(t, r.wait, TEXT_BOT_LINK_WAIT, TEXT_BOT_LINK_WAIT_MANY));
}

/* List the users that the chat is linked to, below ${title}: ${end} their
 * links, or say what comes here for them. ${none} if there are none. */
static int
list_linked(const struct talk *t, enum text title, enum text none, bool end)
{
	struct arena *a = t->c->arena;
	struct store_user_list l = {.arena = a};
	struct mirrored mirrored = {.arena = a};
	struct list list = {a, words(t, title, NULL), false};
	size_t i;

	if (store_links_of_chat(t->c->store, t->m->chat, store_user_keep, &l) ==
	    -1)
		return (store_failed(t->c->store, t->c->failure));
	/* /stop has no limit, but an answer that changes nothing has. */
	if (l.n == 0 && end && !patience_answers(t->p, t->m->chat, t->c->now))
		return (0);
	if (l.n == 0)
		return (end ? say_text(t, none) : say_help(t, none));
	/* Look nothing up that has no room in the answer: there may be more
	 * than fits into memory. */
	for (i = 0; i < l.n && list.text != NULL && (end || !list.full); i++) {
		add_line(&list, words(t, TEXT_BOT_USER, &l.v[i]));
		if (end ? membership_end_link(
			      t->c, &l.v[i], "by /stop in the chat") == -1
			: list_categories(t, &l.v[i], &mirrored, &list) == -1)
			return (-1);
	}
	return (say(t, list.text));
}

/* Nothing is said: it is no change for anybody there. */
static int
move(const struct talk *t)
{
	int moved;

	moved = store_link_move(t->c->store, t->m->chat, t->m->moved_to);
	if (moved == -1)
		return (store_failed(t->c->store, t->c->failure));
	if (moved == 1)
		t->answer->log = "a group has a new id: its links go on there";
	return (0);
}

bool
conversation_mails(const struct settings *settings)
{
	/* Without the bot's name no link can be made. */
	return (settings->link_by_mail && *settings->bot != '\0');
}

bool
conversation_heard(struct patience *p, const char *bot,
    const struct chat_message *m, int64_t now)
{
	/* They have no limit. */
	if (m->moved_to != 0 || command(bot, m->text, "/stop") != NULL)
		return (true);
	if (token_of(bot, m) != NULL && patience_waits(p, m->chat, now) > 0 &&
	    patience_told(p, m->chat))
		return (false);
	/* It was told when it became too much. */
	if (command(bot, m->text, "/link") != NULL &&
	    patience_links_wait(p, m->chat, now))
		return (false);
	return (patience_answers(p, m->chat, now));
}

static int
restore(void *ctx, const char *name, int64_t value)
{
	patience_restore(ctx, strtoll(name + strlen(REFUSED), NULL, 10), value);
	return (0);
}

int
conversation_restore(struct changes *c, struct patience *p)
{
	if (store_state_expire(c->store, REFUSED, patience_number_at(c->now)) ==
		-1 ||
	    store_state_each(c->store, REFUSED, restore, p) == -1)
		return (store_failed(c->store, c->failure));
	return (0);
}

int
conversation_answer(struct changes *c, struct patience *p,
    const struct texts *texts, const struct chat_message *m,
    struct chat_answer *answer)
{
	struct talk t = {c, p, m, answer, texts, NULL};
	const char *bot = c->settings->bot, *rest;

	*answer = (struct chat_answer){NULL, NULL};
	if (m->moved_to != 0)
		return (move(&t));
	if (find_language(&t) != 0)
		return (-1);
	rest = command(bot, m->text, "/start");
	if (rest != NULL)
		return (start(&t, rest));
	if (command(bot, m->text, "/stop") != NULL)
		return (list_linked(
		    &t, TEXT_BOT_STOPPED, TEXT_BOT_STOPPED_NONE, true));
	if (command(bot, m->text, "/status") != NULL)
		return (list_linked(
		    &t, TEXT_BOT_STATUS, TEXT_BOT_STATUS_NONE, false));
	rest = command(bot, m->text, "/link");
	if (rest != NULL && conversation_mails(c->settings))
		return (mail_links(&t, rest));
	/* In a group people talk to each other, and to other bots. */
	if (!m->private && (*m->text != '/' || for_other(bot, m->text)))
		return (0);
	return (say_help(&t, TEXT_BOT_HELP));
}
