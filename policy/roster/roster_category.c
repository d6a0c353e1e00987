/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster_category - the commands that change categories
 */
#include <string.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "roster/roster.h"
#include "roster/roster_private.h"
#include "store/store.h"
#include "store/store_edit.h"
#include "terms/category.h"

#define USERS_AT_ONCE 256
#define USERS_MEMORY ((size_t)16 << 20)

/* Whom a change touches. */
struct touched {
	int64_t users, chats;
};

/* Some of those whom a change of a category may touch. */
struct people {
	struct arena *arena;
	struct store_user v[USERS_AT_ONCE];
	size_t n;
};

static int check_description(struct changes *, const char *);
static int title_key(struct changes *, const char *, char *);
static int check_spelling(
    struct changes *, const char *, int64_t, bool *, const char *);
static int count_touched(struct changes *, const struct category *,
    const struct category *, struct touched *);
static int check_sure(
    struct changes *, const char *, const struct touched *, bool);
static const char *what_changes(
    struct arena *, const struct category *, const struct category *);
static int take_user(void *, const struct store_user *);
static int tell_user(struct changes *, const struct store_account *,
    const struct store_user *, const struct category *,
    const struct category *);
static int touch_some(struct changes *, const struct category *,
    const struct category *, int64_t *);
static int touch_people(
    struct changes *, const struct category *, const struct category *);
static bool is_builtin(const struct category *);

static int
check_description(struct changes *c, const char *text)
{
	if (strlen(text) >= CATEGORY_DESCRIPTION_SIZE)
		return (failure_set(c->failure, FAILURE_DATA,
		    "the description is too long; expected at most %d bytes",
		    CATEGORY_DESCRIPTION_SIZE - 1));
	if (!escape_is_line(text))
		return (failure_set(c->failure, FAILURE_DATA,
		    "the description \"%s\" is not one line of text; expected "
		    "UTF-8 without control characters",
		    escape_short(c->arena, text)));
	return (0);
}

/* The spelling of a title: ${key} has CATEGORY_KEY_SIZE bytes. */
static int
title_key(struct changes *c, const char *title, char *key)
{
	if (roster_title(c, title) != 0)
		return (-1);
	if (category_key(title, key) != 1)
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" cannot be a title; expected letters",
		    escape_short(c->arena, title)));
	return (0);
}

/* May the category ${id} (0: a new one) be spelled ${key}? A former title is
 * its category's too. ${*has}: it is spelled so already. */
static int
check_spelling(struct changes *c, const char *key, int64_t id, bool *has,
    const char *shown)
{
	struct category other;
	int found;

	found = store_category(c->store, key, &other);
	if (found == -1)
		return (store_failed(c->store, c->failure));
	*has = found == 1;
	if (found == 1 && other.id != id)
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" means category %s (%s) already, by its slug, its "
		    "title or a former title; expected another one",
		    shown, other.slug, other.title));
	return (0);
}

int
roster_category_add(struct changes *c, const char *slug, const char *title,
    const char *description, bool open, bool mirrored)
{
	struct category category = {.open = open, .mirrored = mirrored};
	char slug_key[CATEGORY_KEY_SIZE], other_key[CATEGORY_KEY_SIZE];
	bool has;

	if (!category_slug_ok(slug) || category_key(slug, slug_key) != 1)
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" cannot be a slug; expected lower-case letters, "
		    "digits and single hyphens between them, at most 64",
		    escape_short(c->arena, slug)));
	if (title_key(c, title, other_key) != 0 ||
	    check_description(c, description) != 0 ||
	    check_spelling(c, slug_key, 0, &has, slug) != 0 ||
	    check_spelling(c, other_key, 0, &has, title) != 0)
		return (-1);
	strcpy(category.slug, slug);
	strcpy(category.title, title);
	strcpy(category.description, description);
	if (store_category_add(c->store, &category, slug_key, other_key) == -1)
		return (store_failed(c->store, c->failure));
	return (membership_record(c, "", "category-add", slug,
	    arena_printf(c->arena, "%s%s%s", title,
		open ? ", open to Subscriber" : "",
		mirrored ? ", mirrored to Telegram" : "")));
}

/* Whose mail or chat is another by the change; ${new} NULL: it is removed. */
static int
count_touched(struct changes *c, const struct category *old,
    const struct category *new, struct touched *t)
{
	int64_t n = 0;
	int rc = 1;

	memset(t, 0, sizeof(*t));
	if (new == NULL ? old->mirrored : new->mirrored != old->mirrored)
		rc = store_category_chats(
		    c->store, old->id, &t->users, &t->chats);
	if (rc != -1 && (new == NULL || new->open != old->open))
		rc = store_category_users(c->store, old->id, new != NULL, &n);
	if (rc == -1)
		return (store_failed(c->store, c->failure));
	/* Of the removed one, those with a chat are among the subscribed, or
	 * owners. */
	t->users = new == NULL ? n : t->users + n;
	return (0);
}

static int
check_sure(
    struct changes *c, const char *slug, const struct touched *t, bool sure)
{
	if (t->users == 0 && t->chats == 0)
		return (0);
	if (sure) {
		roster_remark(c, "%s: %lld users and %lld chats are touched",
		    slug, (long long)t->users, (long long)t->chats);
		return (0);
	}
	return (failure_set(c->failure, FAILURE_DATA,
	    "%s: %lld users and %lld chats would be touched; nothing is "
	    "changed; expected --yes if that is meant",
	    slug, (long long)t->users, (long long)t->chats));
}

/* The change in words; "" if there is none, NULL if out of memory. */
static const char *
what_changes(
    struct arena *a, const struct category *old, const struct category *new)
{
	const char *text = "";

	if (strcmp(old->title, new->title) != 0)
		text = arena_printf(
		    a, ", title %s, was %s", new->title, old->title);
	if (text != NULL && strcmp(old->description, new->description) != 0)
		text = arena_concat(a, text, ", another description", NULL);
	if (text != NULL && old->open != new->open)
		text = arena_concat(a, text,
		    new->open ? ", open to Subscriber"
			      : ", not open to Subscriber",
		    NULL);
	if (text != NULL && old->mirrored != new->mirrored)
		text = arena_concat(a, text,
		    new->mirrored ? ", mirrored to Telegram"
				  : ", not mirrored to Telegram",
		    NULL);
	return (text == NULL || *text == '\0' ? text : text + 2);
}

static int
take_user(void *ctx, const struct store_user *u)
{
	struct people *p = ctx;

	return (store_user_copy(p->arena, u, &p->v[p->n++]));
}

/* Tell ${u} what ${old} becoming ${new} does to him, if it does anything. What
 * is mirrored reaches no chat of a Subscriber. */
static int
tell_user(struct changes *c, const struct store_account *account,
    const struct store_user *u, const struct category *old,
    const struct category *new)
{
	bool chat = u->link != 0 && u->role != ROLE_SUBSCRIBER;

	if (new == NULL && (u->subscribed || (chat && old->mirrored)))
		return (
		    tell_category(c, account, u, TELL_UNSUBSCRIBED, true, old));
	if (new == NULL)
		return (0);
	if (new->open != old->open && u->role == ROLE_SUBSCRIBER)
		return (tell_category(c, account, u,
		    new->open ? TELL_SUBSCRIBED : TELL_UNSUBSCRIBED, !new->open,
		    new->open ? new : old));
	if (new->mirrored != old->mirrored && chat)
		return (tell_category(c, account, u,
		    new->mirrored ? TELL_MIRRORED : TELL_UNMIRRORED,
		    !new->mirrored, new));
	return (0);
}

/* What ${old} becoming ${new} (NULL: it is removed) does to some users, with an
 * id above ${*last}. 1 if there were any. */
static int
touch_some(struct changes *c, const struct category *old,
    const struct category *new, int64_t *last)
{
	struct people p = {.arena = c->arena};
	struct store_account account = {.id = 0};
	const struct store_user *u;
	bool ended;

	if (store_category_people(
		c->store, old->id, *last, USERS_AT_ONCE, take_user, &p) == -1)
		return (store_failed(c->store, c->failure));
	for (u = p.v; u < p.v + p.n; u++) {
		*last = u->id;
		account.id = u->account;
		account.name = u->account_name;
		ended = new == NULL && u->subscribed;
		if (ended &&
		    membership_record(c, account.name, "unsubscribe",
			u->address,
			arena_printf(
			    c->arena, "%s, category removed", old->slug)) != 0)
			return (-1);
		if (tell_user(c, &account, u, old, new) != 0)
			return (-1);
	}
	return (p.n > 0);
}

/* Likewise all. */
static int
touch_people(
    struct changes *c, const struct category *old, const struct category *new)
{
	struct arena *before = c->arena;
	int64_t last = 0;
	int rc;

	c->arena = arena_new(USERS_MEMORY);
	if (c->arena == NULL) {
		c->arena = before;
		return (failure_memory(c->failure));
	}
	while ((rc = touch_some(c, old, new, &last)) == 1)
		arena_reset(c->arena);
	arena_free(c->arena);
	c->arena = before;
	return (rc);
}

int
roster_category_set(struct changes *c, const char *name,
    const struct category_edit *edit, bool sure)
{
	struct category old, new;
	char key[CATEGORY_KEY_SIZE];
	struct touched touched;
	const char *what;
	bool has = true;

	if (roster_category(c, name, &old) != 0)
		return (-1);
	new = old;
	if (edit->title != NULL) {
		if (title_key(c, edit->title, key) != 0 ||
		    check_spelling(c, key, old.id, &has, edit->title) != 0)
			return (-1);
		strcpy(new.title, edit->title);
	}
	if (edit->description != NULL) {
		if (check_description(c, edit->description) != 0)
			return (-1);
		strcpy(new.description, edit->description);
	}
	new.open = edit->open == NULL ? old.open : *edit->open;
	new.mirrored = edit->mirrored == NULL ? old.mirrored : *edit->mirrored;
	what = what_changes(c->arena, &old, &new);
	if (what != NULL && *what == '\0') {
		roster_remark(c, "category %s is like that already", old.slug);
		return (0);
	}
	if (count_touched(c, &old, &new, &touched) != 0 ||
	    check_sure(c, old.slug, &touched, sure) != 0)
		return (-1);
	if (store_category_set(c->store, &new, has ? NULL : key) == -1)
		return (store_failed(c->store, c->failure));
	if ((new.open != old.open || new.mirrored != old.mirrored) &&
	    touch_people(c, &old, &new) != 0)
		return (-1);
	return (membership_record(c, "", "category-set", old.slug, what));
}

static bool
is_builtin(const struct category *category)
{
	const struct category *c;

	for (c = category_builtin; *c->slug != '\0'; c++) {
		if (strcmp(c->slug, category->slug) == 0)
			return (true);
	}
	return (false);
}

int
roster_category_remove(struct changes *c, const char *name, bool sure)
{
	struct category category;
	struct touched touched;

	if (roster_category(c, name, &category) != 0)
		return (-1);
	if (is_builtin(&category))
		return (failure_set(c->failure, FAILURE_DATA,
		    "%s is one of the five that every roster has, and stays; "
		    "expected one that \"notifyctl category add\" made",
		    category.slug));
	if (count_touched(c, &category, NULL, &touched) != 0 ||
	    check_sure(c, category.slug, &touched, sure) != 0 ||
	    touch_people(c, &category, NULL) != 0)
		return (-1);
	if (store_category_remove(c->store, category.id) == -1)
		return (store_failed(c->store, c->failure));
	return (membership_record(
	    c, "", "category-remove", category.slug, category.title));
}
