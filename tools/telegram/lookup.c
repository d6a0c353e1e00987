/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lookup - for whom a mirrored message is, and to which chat it goes
 */
#include <string.h>
#include <sysexits.h>

#include "base/arena.h"
#include "base/clock.h"
#include "decision/message.h"
#include "decision/tag.h"
#include "settings/settings.h"
#include "store/store_link.h"
#include "telegram/delivery.h"
#include "telegram/lookup.h"
#include "terms/account.h"
#include "terms/address.h"
#include "terms/stamp.h"

/* For a lock in the database. */
#define WAIT_MS 5000

static int find_category(struct delivery *, const char **);
static int verify(struct delivery *);
static int find_user(struct delivery *, const char **);
static int no_chat(struct delivery *, const char *);

int
lookup_recipient(struct delivery *d, const char *recipient)
{
	struct address address;
	const char *local;
	int found;

	found = address_read(d->arena, recipient, &address);
	if (found == -1)
		return (failure_memory(&d->failure));
	if (found == 0 ||
	    strcmp(address.domain, d->settings->telegram_domain) != 0)
		return (0);
	local = arena_strndup(
	    d->arena, address.key, address_local_length(address.key));
	if (local == NULL)
		return (failure_memory(&d->failure));
	if (!stamp_chat(local, &d->link, &d->check))
		d->link = 0;
	return (0);
}

/* The one category that the whole tag names, by the milter's own rule. 0 and
 * ${*why} if there is none. */
static int
find_category(struct delivery *d, const char **why)
{
	struct category found[TAG_SPELLINGS] = {0};
	struct tag tag;
	size_t i;
	int rc;

	if (tag_read(d->arena, &d->head.message, &tag) != 0)
		return (failure_memory(&d->failure));
	*why = tag.problem;
	if (tag.problem != NULL)
		return (0);
	for (i = 0; i < tag.ncategories; i++) {
		if (store_category(
			d->store, tag.categories[i].key, &found[i]) == -1)
			return (-1);
	}
	rc = tag_category(d->arena, &tag, found, why);
	if (rc == -1)
		return (failure_memory(&d->failure));
	d->category = found[0];
	return (rc);
}

/*
 * Has the milter added this recipient to this message (rule 7)? 1, 0 or -1. Any
 * other address of a chat, such as one in an alias or a map of copies, would
 * show a customer's mail to another. While there is no key the milter adds none
 * with a check.
 */
static int
verify(struct delivery *d)
{
	char key[STORE_SECRET_SIZE];
	int found;

	found = store_secret(d->store, STORE_STAMP, key);
	if (found == -1)
		return (-1);
	if (found == 0 && d->check == NULL)
		return (1);
	if (found == 1 && d->check != NULL &&
	    stamp_is_mirror(key, d->link, d->category.slug, d->head.message.id,
		d->check, &d->nameless))
		return (1);
	d->suspicious = true;
	return (0);
}

/* The category, and the user whose link it is. 0 and ${*why} if either is not
 * there, or the check is not right. */
static int
find_user(struct delivery *d, const char **why)
{
	int found;

	found = find_category(d, why);
	if (found == 1)
		found = verify(d);
	if (found != 1)
		return (found);
	*why = "the link has ended";
	return (
	    store_link(d->store, d->arena, d->link, d->category.id, &d->user));
}

/* There is no chat for it. */
static int
no_chat(struct delivery *d, const char *why)
{
	delivery_forget(d);
	if (d->suspicious && d->check == NULL)
		return (delivery_end(d, EX_OK, "no-check",
		    "the address has no check: the milter added it before the "
		    "roster had a key, or somebody wrote it"));
	if (d->suspicious)
		return (delivery_end(d, EX_OK, "wrong-check",
		    "the check in the address is not that of this message"));
	return (delivery_end(d, EX_OK, "no-link", "%s", why));
}

/* The link may be gone by now, or its user no longer entitled. */
int
lookup_user(struct delivery *d)
{
	char key[ACCOUNT_KEY_SIZE];
	const char *why;
	int found;

	if (d->link == 0)
		return (delivery_end(
		    d, EX_OK, "no-link", "not the address of a chat"));
	d->looked = clock_ms();
	if (store_begin(d->store, DB_READ) != 0)
		return (delivery_store_failed(d));
	found = find_user(d, &why);
	if (found == 1 &&
	    (account_key(d->user.account_name, key) != 1 ||
		store_account(d->store, d->arena, key, &d->account) != 1))
		found = -1;
	if (found == -1)
		return (delivery_store_failed(d));
	store_end(d->store);
	if (found == 0)
		return (no_chat(d, why));
	if (!role_mirrored(d->user.role, d->user.subscribed, &d->category)) {
		delivery_forget(d);
		if (!d->category.mirrored)
			return (delivery_end(d, EX_OK, "not-entitled",
			    "%s is no longer mirrored to Telegram",
			    d->category.slug));
		return (delivery_end(d, EX_OK, "not-entitled",
		    "%s no longer receives %s", d->user.address,
		    d->category.slug));
	}
	/* The user may have linked a group since. */
	if (d->nameless && d->user.chat <= 0) {
		delivery_forget(d);
		return (delivery_end(d, EX_OK, "group",
		    "%s is a user of several accounts, the message names none, "
		    "and the chat is a group",
		    d->user.address));
	}
	return (DELIVERY_GO_ON);
}

int
lookup_again(struct delivery *d)
{
	int64_t chat = d->user.chat, topic = d->user.topic;
	int status;

	status = lookup_user(d);
	if (status != DELIVERY_GO_ON)
		return (status);
	/* Telegram may have said that the topic is gone. */
	d->user.topic = topic;
	if (d->user.chat == chat)
		return (DELIVERY_GO_ON);
	if (delivery_hold(d) != 0)
		return (delivery_store_failed(d));
	return (
	    delivery_end(d, EX_TEMPFAIL, "waiting", "the chat has a new id"));
}

int
lookup_open(struct delivery *d)
{
	d->store = store_open(d->settings->url, DB_WRITE, WAIT_MS, &d->failure);
	d->changes.store = d->store;
	if (d->store == NULL)
		return (-1);
	store_accept_older(d->store);
	return (0);
}
