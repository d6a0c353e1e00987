/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link - which user's mirrored messages go to which Telegram chat
 */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include <glib.h>

#include "base/arena.h"
#include "base/failure.h"
#include "roster/link.h"
#include "store/store.h"
#include "store/store_link.h"
#include "store/store_notice.h"

/* How much the clocks of two machines may differ. */
#define CLOCK_SECONDS 60

static int64_t latest(const struct changes *);
static int hash_token(struct changes *, const char *, const char **);
static int random_bytes(struct changes *, void *, size_t);
static int add(struct changes *, const struct store_user *, int64_t, int64_t);
static int replace(
    struct changes *, const struct store_user *, int64_t, int64_t);

/* The latest time at which a token made until now may expire. */
static int64_t
latest(const struct changes *c)
{
	return (c->now + LINK_TOKEN_SECONDS + CLOCK_SECONDS);
}

int
link_may(struct changes *c, const struct store_user *user, const char **why)
{
	if (!role_may_link(user->role)) {
		*why = "is a Subscriber, and Subscribers have no Telegram chat";
		return (0);
	}
	*why = "is not subscribed to a category that is mirrored to Telegram";
	return (membership_may_link(c, user->id, user->role));
}

/* A token's hash, as it is stored. */
static int
hash_token(struct changes *c, const char *token, const char **hash)
{
	char *hex;

	hex = g_compute_checksum_for_string(G_CHECKSUM_SHA256, token, -1);
	*hash = arena_strdup(c->arena, hex);
	g_free(hex);
	if (*hash == NULL)
		return (failure_memory(c->failure));
	return (0);
}

static int
random_bytes(struct changes *c, void *bytes, size_t n)
{
	if (getrandom(bytes, n, 0) == (ssize_t)n)
		return (0);
	return (failure_set(
	    c->failure, FAILURE_IO, "no random numbers: %s", strerror(errno)));
}

/*
 * Add a link with a random number. Messages wait in the queue under that
 * number: if links were counted, a restored database, or a standby that lacks
 * the last changes, would give a number out again and send one user's messages
 * to another.
 */
static int
add(struct changes *c, const struct store_user *user, int64_t chat,
    int64_t topic)
{
	uint64_t bits;
	int rc = 0;

	while (rc == 0) {
		if (random_bytes(c, &bits, sizeof(bits)) != 0)
			return (-1);
		bits >>= 1;
		if (bits != 0)
			rc = store_link_add(
			    c->store, (int64_t)bits, user->id, chat, topic);
	}
	return (rc == 1 ? 0 : store_failed(c->store, c->failure));
}

/* End the link that ${user} has, for one to ${chat}. Whoever opens the link in
 * a user's mail or control panel takes the messages from the chat before, which
 * is told. The same chat keeps its number, under which messages may wait. */
static int
replace(struct changes *c, const struct store_user *user, int64_t chat,
    int64_t topic)
{
	bool same = user->link != 0 && user->chat == chat;

	if (store_link_end(c->store, user->id) == -1 ||
	    (user->link != 0 && !same &&
		store_farewell_add(c->store, c->now, user, "another chat") ==
		    -1))
		return (store_failed(c->store, c->failure));
	if (!same)
		return (add(c, user, chat, topic));
	return (store_link_add(c->store, user->link, user->id, chat, topic) == 1
		? 0
		: store_failed(c->store, c->failure));
}

int
link_token(struct changes *c, const struct store_user *user, const char *origin,
    char token[LINK_TOKEN_SIZE])
{
	unsigned char bits[16];
	const char *hash;
	char *text, *s;

	if (random_bytes(c, bits, sizeof(bits)) != 0)
		return (-1);
	text = g_base64_encode(bits, sizeof(bits));
	for (s = text; *s != '\0'; s++) {
		if (*s == '+')
			*s = '-';
		else if (*s == '/')
			*s = '_';
	}
	/* 22 characters, and the padding "==". */
	memcpy(token, text, LINK_TOKEN_SIZE - 1);
	token[LINK_TOKEN_SIZE - 1] = '\0';
	g_free(text);
	if (hash_token(c, token, &hash) != 0)
		return (-1);
	if (store_token_expire(c->store, c->now, latest(c), user->id, origin) ==
		-1 ||
	    store_token_add(c->store, hash, user->id,
		c->now + LINK_TOKEN_SECONDS, origin) == -1)
		return (store_failed(c->store, c->failure));
	return (1);
}

int
link_redeem(struct changes *c, const char *token, int64_t chat, int64_t topic,
    struct store_user *user)
{
	const char *hash, *why;
	int found;

	memset(user, 0, sizeof(*user));
	if (hash_token(c, token, &hash) != 0)
		return (-1);
	found = store_token(c->store, c->arena, hash, c->now, latest(c), user);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	if (found == 0)
		return (0);
	if (store_token_remove(c->store, hash) == -1)
		return (store_failed(c->store, c->failure));
	/* ${user} tells the caller who it is. */
	found = link_may(c, user, &why);
	if (found != 1)
		return (found);
	if (replace(c, user, chat, topic) != 0)
		return (-1);
	if (membership_record(c, user->account_name, "telegram-link",
		user->address,
		user->link == 0		 ? ""
		    : user->chat == chat ? "the same chat again"
					 : "in place of another chat") != 0)
		return (-1);
	return (1);
}

int
link_lost(struct changes *c, const struct store_user *user, const char *why)
{
	struct store_notice notice = {.at = c->now,
	    .account = user->account_name,
	    .address = user->address,
	    .kind = NOTICE_TELEGRAM_END,
	    .detail = why,
	    .actor = c->actor,
	    .language = user->language};
	int rc;

	rc = membership_end_link(c, user, why);
	if (rc == 1 && store_notice_add(c->store, &notice) == -1)
		return (store_failed(c->store, c->failure));
	return (rc);
}
