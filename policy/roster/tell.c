/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tell - mail to whoever a command took something from, or gave it to
 *
 * One person is put together at a time, so that memory is bounded however many
 * there are. Nothing is kept of the person before.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "roster/membership.h"
#include "store/store.h"
#include "store/store_notice.h"
#include "terms/account.h"
#include "terms/category.h"

/* Memory for one notice: a user may lose thousands of categories, each with its
 * description. */
#define TELL_MEMORY ((size_t)64 << 20)
/* A notice names at most this many whom to ask. */
#define ASK_MAX 6

const char *const tell_kinds[TELL_KINDS] = {
    [TELL_SUBSCRIBED] = "subscribed",
    [TELL_UNSUBSCRIBED] = NOTICE_UNSUBSCRIBED,
    [TELL_MIRRORED] = NOTICE_MIRRORED,
    [TELL_UNMIRRORED] = NOTICE_UNMIRRORED,
    [TELL_HANDED_OVER] = "handed-over",
    [TELL_ROLE] = "role",
    [TELL_OWNER] = "owner",
    [TELL_ADDRESS] = "address",
    [TELL_REMOVED] = "removed",
    [TELL_ACCOUNT_REMOVED] = "account-removed",
    [TELL_FORGOTTEN] = "forgotten",
};

/* Whom users of the account may ask. */
struct managers {
	struct arena *arena;
	const char *text;
};

static int append(struct arena *, struct tell_text *, const char *);
static int add_line(struct changes *, const char *, const char *);
static void take_back(struct tell_text *, const char *);
static void end(struct changes *);
static int begin(
    struct changes *, const struct store_account *, const struct store_user *);
static int take_manager(void *, const struct store_user *);
static int account_id(struct changes *, int64_t *);
static int add_managers(struct changes *);
static const char *summary(struct changes *);
static int record(struct changes *);

/* 0, or -1 if out of memory. Its room doubles: a copy for each line would take
 * memory by the square of their number. */
static int
append(struct arena *a, struct tell_text *t, const char *s)
{
	do {
		t->v = arena_grow(a, t->v, t->n, &t->cap, 1);
		if (t->v == NULL)
			return (-1);
		t->v[t->n++] = *s;
	} while (*s++ != '\0');
	t->n--; /* the NUL */
	return (0);
}

static int
add_line(struct changes *c, const char *key, const char *value)
{
	struct tell_state *t = &c->tell;

	if (value == NULL || append(t->arena, &t->detail, key) != 0 ||
	    append(t->arena, &t->detail, " ") != 0 ||
	    append(t->arena, &t->detail, value) != 0 ||
	    append(t->arena, &t->detail, "\n") != 0)
		return (failure_memory(c->failure));
	return (0);
}

/* Who loses what the same notice gave has only lost it. */
static void
take_back(struct tell_text *t, const char *slug)
{
	static const char gained[] = TELL_GAINED " ", about[] = TELL_ABOUT " ";
	char *line = t->v, *end;
	size_t len = strlen(slug);

	for (; t->n > 0 && *line != '\0'; line = strchr(line, '\n') + 1) {
		if (strncmp(line, gained, strlen(gained)) != 0 ||
		    strncmp(line + strlen(gained), slug, len) != 0 ||
		    line[strlen(gained) + len] != ' ')
			continue;
		end = strchr(line, '\n') + 1;
		if (strncmp(end, about, strlen(about)) == 0)
			end = strchr(end, '\n') + 1;
		t->n -= (size_t)(end - line);
		memmove(line, end, strlen(end) + 1);
		return;
	}
}

/* Drop the notice that was begun, if there is one. */
static void
end(struct changes *c)
{
	c->tell.address = NULL;
	arena_free(c->tell.arena);
	c->tell.arena = NULL;
}

static int
begin(struct changes *c, const struct store_account *account,
    const struct store_user *user)
{
	struct tell_state *t = &c->tell;

	/* Not by the id: of a new account that may be pending. */
	if (t->address != NULL && strcmp(t->account, account->name) == 0 &&
	    strcmp(t->address, user->address) == 0)
		return (0);
	if (tell_finish(c) != 0)
		return (-1);
	if (t->arena == NULL)
		t->arena = arena_new(TELL_MEMORY);
	if (t->arena == NULL)
		return (failure_memory(c->failure));
	t->account_id = account->id;
	t->account = arena_strdup(t->arena, account->name);
	t->address = arena_strdup(t->arena, user->address);
	t->language = arena_strdup(
	    t->arena, user->language == NULL ? "" : user->language);
	t->kind = TELL_SUBSCRIBED;
	t->loss = false;
	memset(&t->detail, 0, sizeof(t->detail));
	if (t->account == NULL || t->address == NULL || t->language == NULL)
		return (failure_memory(c->failure));
	return (0);
}

int
tell(struct changes *c, const struct store_account *account,
    const struct store_user *user, enum tell_kind kind, bool loss,
    const char *key, const char *value)
{
	struct tell_state *t = &c->tell;

	if (t->who == TELL_NOTHING)
		return (0);
	if (begin(c, account, user) != 0)
		return (-1);
	if (kind > t->kind)
		t->kind = kind;
	t->loss = t->loss || loss;
	return (key == NULL ? 0 : add_line(c, key, value));
}

int
tell_category(struct changes *c, const struct store_account *account,
    const struct store_user *user, enum tell_kind kind, bool loss,
    const struct category *category)
{
	if (c->tell.who == TELL_NOTHING)
		return (0);
	if (begin(c, account, user) != 0)
		return (-1);
	if (loss)
		take_back(&c->tell.detail, category->slug);
	if (tell(c, account, user, kind, loss, loss ? TELL_LOST : TELL_GAINED,
		arena_printf(
		    c->arena, "%s %s", category->slug, category->title)) != 0)
		return (-1);
	if (*category->description == '\0')
		return (0);
	return (tell(
	    c, account, user, kind, loss, TELL_ABOUT, category->description));
}

static int
take_manager(void *ctx, const struct store_user *user)
{
	struct managers *m = ctx;

	m->text = arena_concat(m->arena, m->text, *m->text == '\0' ? "" : ", ",
	    user->address, NULL);
	return (m->text == NULL ? -1 : 0);
}

/* The account's number, also if that was pending when the notice began. */
static int
account_id(struct changes *c, int64_t *id)
{
	const struct tell_state *t = &c->tell;
	char key[ACCOUNT_KEY_SIZE];
	int found;

	*id = t->account_id;
	if (*id != 0)
		return (0);
	found = account_key(t->account, key);
	if (found == 1)
		found = store_account_id(c->store, key, id);
	if (found == 1)
		return (0);
	return (found == -1
		? store_failed(c->store, c->failure)
		: failure_set(c->failure, FAILURE_IO,
		      "account %s is not there to tell its users", t->account));
}

/* Add the account's owner and administrators, as they are now. */
static int
add_managers(struct changes *c)
{
	struct tell_state *t = &c->tell;
	struct managers m = {t->arena, ""};
	int64_t id;

	if (account_id(c, &id) != 0)
		return (-1);
	if (c->managers.account == id)
		return (add_line(c, TELL_ASK, c->managers.text));
	if (store_managers(c->store, id, ASK_MAX, take_manager, &m) == -1)
		return (m.text == NULL ? failure_memory(c->failure)
				       : store_failed(c->store, c->failure));
	if (strlen(m.text) < sizeof(c->managers.text)) {
		c->managers.account = id;
		strcpy(c->managers.text, m.text);
	}
	return (add_line(c, TELL_ASK, m.text));
}

void
tell_managers_changed(struct changes *c, enum role role)
{
	if (role_may_manage(role))
		c->managers.account = 0;
}

/* For the record: the kind, and the slugs. NULL if out of memory. */
static const char *
summary(struct changes *c)
{
	const struct tell_state *t = &c->tell;
	const char *line = t->detail.n == 0 ? "" : t->detail.v, *slug;
	char shown[CATEGORY_SLUG_SIZE];
	struct tell_text text = {NULL, 0, 0};

	if (append(t->arena, &text, tell_kinds[t->kind]) != 0)
		return (NULL);
	for (; *line != '\0'; line = strchr(line, '\n') + 1) {
		if (strncmp(line, TELL_LOST " ", sizeof(TELL_LOST)) != 0 &&
		    strncmp(line, TELL_GAINED " ", sizeof(TELL_GAINED)) != 0)
			continue;
		slug = strchr(line, ' ') + 1;
		snprintf(shown, sizeof(shown), "%.*s",
		    (int)strcspn(slug, " \n"), slug);
		if (append(t->arena, &text, ", ") != 0 ||
		    append(t->arena, &text, shown) != 0)
			return (NULL);
	}
	return (text.v);
}

static int
record(struct changes *c)
{
	struct tell_state *t = &c->tell;
	struct store_notice notice = {.at = c->now,
	    .account = t->account,
	    .address = t->address,
	    .kind = tell_kinds[t->kind],
	    .actor = c->actor,
	    .language = t->language};
	struct store_change change = {.at = c->now,
	    .actor = c->actor,
	    .account = t->account,
	    .action = "tell",
	    .subject = t->address};

	change.detail = summary(c);
	if (change.detail == NULL)
		return (failure_memory(c->failure));
	if (add_managers(c) != 0)
		return (-1);
	/* Never empty: 0.1.0 wrote a title there, without a newline. */
	notice.detail = t->detail.n == 0 ? "\n" : t->detail.v;
	if (store_notice_add(c->store, &notice) == -1 ||
	    store_record(c->store, &change) == -1)
		return (store_failed(c->store, c->failure));
	t->n++;
	return (0);
}

void
tell_put_off(struct changes *c, struct tell_state *later)
{
	if (c->tell.address == NULL)
		return;
	arena_free(later->arena);
	*later = c->tell;
	c->tell.address = NULL;
	c->tell.arena = NULL;
}

int
tell_resume(struct changes *c, struct tell_state *later)
{
	if (later->address == NULL)
		return (0);
	if (tell_finish(c) != 0)
		return (-1);
	later->n = c->tell.n;
	c->tell = *later;
	later->address = NULL;
	later->arena = NULL;
	return (0);
}

int
tell_finish(struct changes *c)
{
	struct tell_state *t = &c->tell;
	int rc = 0;

	if (t->address != NULL && (t->loss || t->who == TELL_ALL))
		rc = record(c);
	end(c);
	return (rc);
}

void
tell_forget(struct changes *c)
{
	end(c);
	c->managers.account = 0;
}
