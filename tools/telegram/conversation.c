/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conversation - what people say to the bot, and what it answers
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "roster/link.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_link.h"
#include "telegram/conversation.h"
#include "telegram/patience.h"

/* A longer token is not ours. */
#define TOKEN_MAX 64
/* A refusal is a number in the database, under this and the chat's id. */
#define REFUSED "bot_refused:"

/* A message, and what it takes to answer it. */
struct turn {
	struct changes *c;
	struct patience *p;
	const struct chat_message *m;
	const char **answer;
};

/* The users that a chat is linked to. */
struct linked {
	struct arena *arena;
	struct store_user *v;
	size_t n, cap;
};

static const char help[] =
    "This bot brings you the messages about balance and payments that your "
    "account also gets by mail.\n"
    "\n"
    "To link this chat, open the link that \"telegram connect\" gives you.\n"
    "/status says what is linked\n"
    "/stop ends it";

static int say(const struct turn *, const char *);
static const char *command(const char *, const char *);
static int take_user(void *, const struct store_user *);
static const char *name_user(struct arena *, const struct store_user *);
static const char *token_of(const struct chat_message *);
static int too_many(const struct turn *, int);
static int wrong(const struct turn *);
static int start(const struct turn *, const char *);
static int list_linked(const struct turn *, const char *, const char *, bool);
static int restore(void *, const char *, int64_t);

static int
say(const struct turn *t, const char *text)
{
	*t->answer = text;
	return (text == NULL ? failure_memory(t->c->failure) : 1);
}

/* The argument of the command ${name}, or NULL if ${text} is another command.
 * In groups a command may carry the bot's name: "/status@bot". */
static const char *
command(const char *text, const char *name)
{
	size_t len = strlen(name);

	if (strncasecmp(text, name, len) != 0)
		return (NULL);
	text += len;
	if (*text == '@')
		text += strcspn(text, " \n\t");
	if (*text != '\0' && strchr(" \n\t", *text) == NULL)
		return (NULL);
	return (text + strspn(text, " \n\t"));
}

static int
take_user(void *ctx, const struct store_user *u)
{
	struct linked *l = ctx;

	l->v = arena_grow(l->arena, l->v, l->n, &l->cap, sizeof(*l->v));
	if (l->v == NULL || store_user_copy(l->arena, u, &l->v[l->n]) != 0)
		return (-1);
	l->n++;
	return (0);
}

/* Whose mail a chat gets, in words; NULL if out of memory. */
static const char *
name_user(struct arena *a, const struct store_user *u)
{
	const char *text =
	    arena_printf(a, "account %s, as %s", u->account_name, u->address);

	return (text == NULL ? NULL : escape_controls(a, text));
}

/* The argument of /start, or NULL. */
static const char *
token_of(const struct chat_message *m)
{
	const char *rest;

	rest = command(m->text, "/start");
	return (rest == NULL || *rest == '\0' ? NULL : rest);
}

/* Tell the chat, once, that it must wait. */
static int
too_many(const struct turn *t, int seconds)
{
	int minutes = (seconds + 59) / 60;

	(void)patience_told(t->p, t->m->chat);
	return (say(t,
	    arena_printf(t->c->arena,
		"Too many links that do not work were opened in this chat. "
		"Wait for %d minute%s, and then open the link again, or ask "
		"for a new one with \"telegram connect\".",
		minutes, minutes == 1 ? "" : "s")));
}

/* The token was wrong. While very many are wrong, nobody gets an answer. */
static int
wrong(const struct turn *t)
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
	return (say(t,
	    "This link does not work: it was used already, or is older than 15 "
	    "minutes, or you may not link a chat any more. Ask for a new one "
	    "with \"telegram connect\"."));
}

static int
start(const struct turn *t, const char *rest)
{
	const struct chat_message *m = t->m;
	struct patience *p = t->p;
	struct changes *c = t->c;
	struct store_user user;
	const char *name;
	char token[TOKEN_MAX + 1];
	size_t len;
	int rc, wait;

	len = strcspn(rest, " \n\t");
	if (len == 0)
		return (say(t, help));
	if (!m->private && !c->settings->allow_groups)
		return (say(t,
		    "A group cannot be linked: everybody in it would read the "
		    "messages. Open the link in a private chat with this "
		    "bot."));
	wait = patience_waits(p, m->chat, c->now);
	if (wait > 0)
		return (too_many(t, wait));
	rc = 0;
	if (len <= TOKEN_MAX) {
		memcpy(token, rest, len);
		token[len] = '\0';
		rc = link_redeem(c, token, m->chat, &user);
	}
	if (rc == -1)
		return (-1);
	if (rc == 0)
		return (wrong(t));
	patience_right(p, m->chat);
	name = name_user(t->c->arena, &user);
	return (say(t,
	    name == NULL
		? NULL
		: arena_printf(t->c->arena,
		      "This chat is now linked to %s. Messages about "
		      "balance and payments come here too; the mail still does.\n"
		      "/stop ends it.",
		      name)));
}

/* List the users that the chat is linked to, below ${title}, and ${end} their
 * links; ${none} if there are none. */
static int
list_linked(const struct turn *t, const char *title, const char *none, bool end)
{
	struct linked l = {.arena = t->c->arena};
	const char *text = title, *name;
	size_t i;

	if (store_links_of_chat(t->c->store, t->m->chat, take_user, &l) == -1)
		return (store_failed(t->c->store, t->c->failure));
	if (l.n == 0)
		return (say(t, none));
	for (i = 0; i < l.n && text != NULL; i++) {
		if (end &&
		    membership_end_link(
			t->c, &l.v[i], "by /stop in the chat") == -1)
			return (-1);
		name = name_user(t->c->arena, &l.v[i]);
		text = name == NULL
		    ? NULL
		    : arena_printf(t->c->arena, "%s\n%s", text, name);
	}
	return (say(t, text));
}

bool
conversation_heard(
    struct patience *p, const struct chat_message *m, int64_t now)
{
	/* /stop has no limit. */
	if (command(m->text, "/stop") != NULL)
		return (true);
	if (token_of(m) != NULL && patience_waits(p, m->chat, now) > 0 &&
	    patience_told(p, m->chat))
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
    const struct chat_message *m, const char **answer)
{
	const struct turn t = {c, p, m, answer};
	const char *rest;

	*answer = NULL;
	rest = command(m->text, "/start");
	if (rest != NULL)
		return (start(&t, rest));
	if (command(m->text, "/stop") != NULL)
		return (list_linked(&t, "This chat is no longer linked to:",
		    "This chat is not linked.", true));
	if (command(m->text, "/status") != NULL)
		return (list_linked(&t, "This chat is linked to:",
		    "This chat is not linked. Open the link that \"telegram "
		    "connect\" gives you.",
		    false));
	/* In a group people talk to each other. */
	if (!m->private && *m->text != '/')
		return (0);
	return (say(&t, help));
}
