/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linkmail - connect links by mail, for whoever asks in a chat
 *
 * Whether an address may have a chat must not show in the time of an answer, so
 * linkmail_ask() asks the same statements whatever they find, and also adds the
 * notice by a statement that runs in either case.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "roster/link.h"
#include "roster/linkmail.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_link.h"
#include "store/store_notice.h"
#include "terms/address.h"

/* How much the clocks of two machines may differ. */
#define CLOCK_SECONDS 60

/* The users with one address who may have a chat; the address is ${key}. */
struct linkable {
	const char *key;
	struct store_user_list users;
};

static int take_user(void *, const struct store_user *);
static int find(struct changes *, const char *, struct linkable *);
static const char *why_not(bool, const struct store_requests *);
static int add_line(struct changes *, const struct store_user *, FILE *);
static int add_lines(
    struct changes *, const struct linkable *, struct store_notice *);
static int fill(
    struct changes *, const struct store_notice *, struct store_notice *);

static int
take_user(void *ctx, const struct store_user *u)
{
	struct linkable *l = ctx;
	struct address address;
	const char *why;
	int rc;

	/* Whoever wrote the row: what is mailed is only for this address. */
	rc = address_read_strict(l->users.arena, u->address, &address, &why);
	if (rc == -1)
		return (-1);
	if (rc == 0 || strcmp(address.key, l->key) != 0)
		return (0);
	return (store_user_keep(&l->users, u));
}

static int
find(struct changes *c, const char *key, struct linkable *l)
{
	*l = (struct linkable){.key = key, .users = {.arena = c->arena}};
	if (store_linkable(c->store, key, take_user, l) == -1)
		return (store_failed(c->store, c->failure));
	return (0);
}

/* Why no mail is sent; NULL if one is. */
static const char *
why_not(bool any, const struct store_requests *r)
{
	if (!any)
		return ("no mail: no user who may link a chat has it");
	if (r->recent > 0)
		return ("no mail: one was asked for in the last 15 minutes");
	if (r->to_address >= LINKMAIL_DAY_MAX)
		return ("no mail: five were asked for in a day");
	return (NULL);
}

int
linkmail_ask(struct changes *c, struct linkmail_request *request)
{
	struct store_requests r = {.since_chat = c->now - LINKMAIL_HOUR,
	    .since_address = c->now - LINKMAIL_DAY,
	    .since_recent = c->now - LINKMAIL_SECONDS,
	    .latest = c->now + CLOCK_SECONDS};
	struct store_notice notice = {.at = c->now,
	    .account = "",
	    .address = request->key,
	    .kind = NOTICE_LINK,
	    .actor = "",
	    .language = ""};
	bool any;

	request->wait = 0;
	if (store_requests(c->store, request->chat, request->key, &r) != 1)
		return (store_failed(c->store, c->failure));
	if (r.of_chat >= LINKMAIL_HOUR_MAX) {
		request->wait = (int)(r.oldest + LINKMAIL_HOUR - c->now);
		request->done = "the chat has asked ten times in an hour";
		return (0);
	}
	notice.detail = arena_printf(c->arena, "by %lld in chat %lld\n",
	    (long long)request->asker, (long long)request->chat);
	if (notice.detail == NULL)
		return (failure_memory(c->failure));
	if (store_linkable_any(c->store, request->key, &any) != 1)
		return (store_failed(c->store, c->failure));
	request->done = why_not(any, &r);
	if (store_request_add(c->store, c->now, request->chat, request->key,
		request->done == NULL) == -1 ||
	    store_notice_add_if(c->store, &notice, request->done == NULL) ==
		-1 ||
	    linkmail_expire(c->store, c->now) == -1)
		return (store_failed(c->store, c->failure));
	if (request->done == NULL)
		request->done = "links go out by mail";
	return (1);
}

int
linkmail_expire(struct store *s, time_t now)
{
	return (
	    store_request_expire(s, now - LINKMAIL_DAY, now + CLOCK_SECONDS));
}

/* Make a token for ${user}, and write its line. */
static int
add_line(struct changes *c, const struct store_user *user, FILE *out)
{
	char token[LINK_TOKEN_SIZE];

	if (link_token(c, user, STORE_BY_MAIL, token) == -1)
		return (-1);
	fprintf(out, LINKMAIL_LINE " %s https://t.me/%s?start=%s\n",
	    user->account_name, c->settings->bot, token);
	return (0);
}

static int
add_lines(
    struct changes *c, const struct linkable *l, struct store_notice *mail)
{
	char *lines = NULL;
	size_t size, i;
	FILE *out;
	int rc = 0;

	out = open_memstream(&lines, &size);
	if (out == NULL)
		return (failure_memory(c->failure));
	for (i = 0; rc == 0 && i < l->users.n; i++) {
		rc = add_line(c, &l->users.v[i], out);
		if (*mail->language == '\0' && l->users.v[i].language != NULL)
			mail->language = l->users.v[i].language;
	}
	if (fclose(out) != 0 && rc == 0)
		rc = failure_memory(c->failure);
	mail->detail = rc == 0 ? arena_strdup(c->arena, lines) : NULL;
	free(lines);
	if (rc == 0 && mail->detail == NULL)
		rc = failure_memory(c->failure);
	return (rc);
}

/* Within a transaction. */
static int
fill(struct changes *c, const struct store_notice *notice,
    struct store_notice *mail)
{
	struct linkable l;
	int64_t later;

	if (store_notice_later(c->store, notice, &later) != 1)
		return (store_failed(c->store, c->failure));
	if (later > 0 || c->now - notice->at > LINKMAIL_DAY)
		return (0);
	if (find(c, notice->address, &l) != 0)
		return (-1);
	if (l.users.n == 0)
		return (0);
	*mail = *notice;
	mail->address = l.users.v[0].address;
	mail->language = "";
	return (add_lines(c, &l, mail) == 0 ? 1 : -1);
}

int
linkmail_prepare(struct changes *c, const struct store_notice *notice,
    struct store_notice *mail)
{
	int rc;

	if (*c->settings->bot == '\0')
		return (failure_set(c->failure, FAILURE_SETTINGS,
		    "%s: bot is not set; expected the bot's user name in "
		    "[telegram], for links by mail",
		    c->settings->file));
	if (store_begin(c->store, DB_WRITE) != 0)
		return (store_failed(c->store, c->failure));
	rc = fill(c, notice, mail);
	if (rc == 1 && store_commit(c->store) != 0)
		rc = store_failed(c->store, c->failure);
	store_end(c->store);
	return (rc);
}

int
linkmail_mailed(struct changes *c, const struct store_notice *notice,
    const struct store_notice *mail)
{
	const char *asked, *line, *account;
	size_t skip = strlen(LINKMAIL_LINE " "), len;
	int rc = 0;

	asked = arena_printf(c->arena, "by mail, asked for %.*s",
	    (int)strcspn(notice->detail, "\n"), notice->detail);
	if (asked == NULL)
		return (failure_memory(c->failure));
	for (line = mail->detail; rc == 0 && *line != '\0';
	     line += line[len] == '\n' ? len + 1 : len) {
		len = strcspn(line, "\n");
		account = arena_printf(c->arena, "%.*s",
		    (int)strcspn(line + skip, " "), line + skip);
		rc = account == NULL
		    ? failure_memory(c->failure)
		    : membership_record(
			  c, account, "telegram-mail", mail->address, asked);
	}
	return (rc);
}
