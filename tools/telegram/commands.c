/*
 * commands - what people say to the bot, and what it answers
 */
#include <string.h>
#include <strings.h>

#include "arena.h"
#include "commands.h"
#include "failure.h"
#include "link.h"
#include "settings.h"
#include "store.h"
#include "store_link.h"

/* Longer ones are no tokens of ours. */
#define TOKEN_MAX 64

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
static int start(
    struct changes *, const struct said *, const char *, const char **);
static int stop(struct changes *, const struct said *, const char **);
static int status(struct changes *, const struct said *, const char **);

static int
say(struct changes *c, const char **answer, const char *text)
{
	*answer = text;
	if (text == NULL)
		return (failure_set(c->failure, FAILURE_MEMORY, "no memory"));
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
		return (membership_store_failed(c));
	return (0);
}

static int
start(struct changes *c, const struct said *said, const char *rest,
    const char **answer)
{
	struct store_user user;
	char token[TOKEN_MAX + 1];
	size_t len;
	int rc;

	len = strcspn(rest, " \n\t");
	if (len == 0)
		return (say(c, answer, help));
	if (!said->private && !c->settings->allow_groups)
		return (say(c, answer,
		    "A group cannot be linked: everybody in it would read the "
		    "messages. Open the link in a private chat with this "
		    "bot."));
	rc = 0;
	if (len <= TOKEN_MAX) {
		memcpy(token, rest, len);
		token[len] = '\0';
		rc = link_redeem(c, token, said->chat, &user);
	}
	if (rc == -1)
		return (-1);
	if (rc == 0)
		return (say(c, answer,
		    "This link does not work: it was used already, or is "
		    "older than 15 minutes, or you may not link a chat any "
		    "more. Ask for a new one with \"telegram connect\"."));
	return (say(c, answer,
	    arena_printf(c->arena,
		"This chat is now linked to account %s, as %s. Messages about "
		"balance and payments come here too; the mail still does.\n"
		"/stop ends it.",
		user.account_name, user.address)));
}

static int
stop(struct changes *c, const struct said *said, const char **answer)
{
	struct linked l;
	const char *text;
	size_t i;

	if (find_linked(c, said->chat, &l) != 0)
		return (-1);
	if (l.n == 0)
		return (say(c, answer, "This chat is not linked."));
	text = "This chat is no longer linked to:";
	for (i = 0; i < l.n && text != NULL; i++) {
		if (link_end(c, &l.v[i], "by /stop in the chat") == -1)
			return (-1);
		text = arena_printf(c->arena, "%s\naccount %s, as %s", text,
		    l.v[i].account_name, l.v[i].address);
	}
	return (say(c, answer, text));
}

static int
status(struct changes *c, const struct said *said, const char **answer)
{
	struct linked l;
	const char *text;
	size_t i;

	if (find_linked(c, said->chat, &l) != 0)
		return (-1);
	if (l.n == 0)
		return (say(c, answer,
		    "This chat is not linked. Open the link that \"telegram "
		    "connect\" gives you."));
	text = "This chat is linked to:";
	for (i = 0; i < l.n && text != NULL; i++)
		text = arena_printf(c->arena, "%s\naccount %s, as %s", text,
		    l.v[i].account_name, l.v[i].address);
	return (say(c, answer, text));
}

int
commands_answer(struct changes *c, const struct said *said, const char **answer)
{
	const char *rest;

	*answer = NULL;
	rest = command(said->text, "/start");
	if (rest != NULL)
		return (start(c, said, rest, answer));
	if (command(said->text, "/stop") != NULL)
		return (stop(c, said, answer));
	if (command(said->text, "/status") != NULL)
		return (status(c, said, answer));
	/* In a group people talk to each other. */
	if (!said->private && *said->text != '/')
		return (0);
	return (say(c, answer, help));
}
