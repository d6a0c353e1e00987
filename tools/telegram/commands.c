/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * commands - what people say to the bot, and what it answers
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
#include "telegram/commands.h"
#include "telegram/patience.h"

/* Longer ones are no tokens of ours. */
#define TOKEN_MAX 64
/* A refusal is a number in the database, named by this and the chat. */
#define REFUSED "bot_refused:"

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

static int say(struct changes *, const char **, const char *);
static const char *command(const char *, const char *);
static int take_user(void *, const struct store_user *);
static int find_linked(struct changes *, int64_t, struct linked *);
static const char *name_user(struct arena *, const struct store_user *);
static const char *token_of(const struct said *);
static int too_many(struct changes *, struct patience *, const struct said *,
    int, const char **);
static int wrong(
    struct changes *, struct patience *, const struct said *, const char **);
static int start(struct changes *, struct patience *, const struct said *,
    const char *, const char **);
static int stop(struct changes *, const struct said *, const char **);
static int status(struct changes *, const struct said *, const char **);
static int restore(void *, const char *, int64_t);

static int
say(struct changes *c, const char **answer, const char *text)
{
	*answer = text;
	if (text == NULL)
		return (failure_memory(c->failure));
	return (1);
}

/* What follows ${name} in ${text}, or NULL if that is another command. In
 * groups a command may carry the bot's name: "/status@bot". */
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
	struct store_user *copy;

	l->v = arena_grow(l->arena, l->v, l->n, &l->cap, sizeof(*l->v));
	if (l->v == NULL)
		return (-1);
	copy = &l->v[l->n];
	*copy = *u;
	copy->account_name = arena_strdup(l->arena, u->account_name);
	copy->address = arena_strdup(l->arena, u->address);
	copy->key = arena_strdup(l->arena, u->key);
	if (copy->account_name == NULL || copy->address == NULL ||
	    copy->key == NULL)
		return (-1);
	l->n++;
	return (0);
}

static int
find_linked(struct changes *c, int64_t chat, struct linked *l)
{
	memset(l, 0, sizeof(*l));
	l->arena = c->arena;
	if (store_links_of_chat(c->store, chat, take_user, l) == -1)
		return (store_failed(c->store, c->failure));
	return (0);
}

/* Whose mail a chat gets, in words; NULL for no memory. */
static const char *
name_user(struct arena *a, const struct store_user *u)
{
	const char *text;

	text =
	    arena_printf(a, "account %s, as %s", u->account_name, u->address);
	return (text == NULL ? NULL : escape_controls(a, text));
}

/* What is to be looked at as a token, or NULL. */
static const char *
token_of(const struct said *said)
{
	const char *rest;

	rest = command(said->text, "/start");
	return (rest == NULL || *rest == '\0' ? NULL : rest);
}

/* The chat must wait, and is told so once. */
static int
too_many(struct changes *c, struct patience *p, const struct said *said,
    int seconds, const char **answer)
{
	int minutes = (seconds + 59) / 60;

	(void)patience_told(p, said->chat);
	return (say(c, answer,
	    arena_printf(c->arena,
		"Too many links that do not work were opened in this chat. "
		"Wait for %d minute%s, and then open the link again, or ask "
		"for a new one with \"telegram connect\".",
		minutes, minutes == 1 ? "" : "s")));
}

/* A token did not work. While very many do not, nobody is told. */
static int
wrong(struct changes *c, struct patience *p, const struct said *said,
    const char **answer)
{
	char name[64];
	int wait;

	wait = patience_wrong(p, said->chat, c->now);
	if (wait > 0) {
		snprintf(
		    name, sizeof(name), REFUSED "%lld", (long long)said->chat);
		if (store_state_expire(
			c->store, REFUSED, patience_number_at(c->now)) == -1 ||
		    store_state_set(
			c->store, name, patience_number(p, said->chat)) == -1)
			return (store_failed(c->store, c->failure));
	}
	if (patience_crowded(p, c->now) > 0)
		return (0);
	if (wait > 0)
		return (too_many(c, p, said, wait, answer));
	return (say(c, answer,
	    "This link does not work: it was used already, or is older than 15 "
	    "minutes, or you may not link a chat any more. Ask for a new one "
	    "with \"telegram connect\"."));
}

static int
start(struct changes *c, struct patience *p, const struct said *said,
    const char *rest, const char **answer)
{
	struct store_user user;
	const char *name;
	char token[TOKEN_MAX + 1];
	size_t len;
	int rc, wait;

	len = strcspn(rest, " \n\t");
	if (len == 0)
		return (say(c, answer, help));
	if (!said->private && !c->settings->allow_groups)
		return (say(c, answer,
		    "A group cannot be linked: everybody in it would read the "
		    "messages. Open the link in a private chat with this "
		    "bot."));
	wait = patience_waits(p, said->chat, c->now);
	if (wait > 0)
		return (too_many(c, p, said, wait, answer));
	rc = 0;
	if (len <= TOKEN_MAX) {
		memcpy(token, rest, len);
		token[len] = '\0';
		rc = link_redeem(c, token, said->chat, &user);
	}
	if (rc == -1)
		return (-1);
	if (rc == 0)
		return (wrong(c, p, said, answer));
	patience_right(p, said->chat);
	name = name_user(c->arena, &user);
	if (name == NULL)
		return (say(c, answer, NULL));
	return (say(c, answer,
	    arena_printf(c->arena,
		"This chat is now linked to %s. Messages about "
		"balance and payments come here too; the mail still does.\n"
		"/stop ends it.",
		name)));
}

static int
stop(struct changes *c, const struct said *said, const char **answer)
{
	struct linked l;
	const char *text, *name;
	size_t i;

	if (find_linked(c, said->chat, &l) != 0)
		return (-1);
	if (l.n == 0)
		return (say(c, answer, "This chat is not linked."));
	text = "This chat is no longer linked to:";
	for (i = 0; i < l.n && text != NULL; i++) {
		if (link_end(c, &l.v[i], "by /stop in the chat") == -1)
			return (-1);
		name = name_user(c->arena, &l.v[i]);
		text = name == NULL
		    ? NULL
		    : arena_printf(c->arena, "%s\n%s", text, name);
	}
	return (say(c, answer, text));
}

static int
status(struct changes *c, const struct said *said, const char **answer)
{
	struct linked l;
	const char *text, *name;
	size_t i;

	if (find_linked(c, said->chat, &l) != 0)
		return (-1);
	if (l.n == 0)
		return (say(c, answer,
		    "This chat is not linked. Open the link that \"telegram "
		    "connect\" gives you."));
	text = "This chat is linked to:";
	for (i = 0; i < l.n && text != NULL; i++) {
		name = name_user(c->arena, &l.v[i]);
		text = name == NULL
		    ? NULL
		    : arena_printf(c->arena, "%s\n%s", text, name);
	}
	return (say(c, answer, text));
}

bool
commands_heard(struct patience *p, const struct said *said, int64_t now)
{
	/* That is never too much. */
	if (command(said->text, "/stop") != NULL)
		return (true);
	if (token_of(said) != NULL && patience_waits(p, said->chat, now) > 0 &&
	    patience_told(p, said->chat))
		return (false);
	return (patience_answers(p, said->chat, now));
}

static int
restore(void *ctx, const char *name, int64_t value)
{
	patience_restore(ctx, strtoll(name + strlen(REFUSED), NULL, 10), value);
	return (0);
}

int
commands_begin(struct changes *c, struct patience *p)
{
	if (store_state_expire(c->store, REFUSED, patience_number_at(c->now)) ==
		-1 ||
	    store_state_each(c->store, REFUSED, restore, p) == -1)
		return (store_failed(c->store, c->failure));
	return (0);
}

int
commands_answer(struct changes *c, struct patience *p, const struct said *said,
    const char **answer)
{
	const char *rest;

	*answer = NULL;
	rest = command(said->text, "/start");
	if (rest != NULL)
		return (start(c, p, said, rest, answer));
	if (command(said->text, "/stop") != NULL)
		return (stop(c, said, answer));
	if (command(said->text, "/status") != NULL)
		return (status(c, said, answer));
	/* In a group people talk to each other. */
	if (!said->private && *said->text != '/')
		return (0);
	return (say(c, answer, help));
}
