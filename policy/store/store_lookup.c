/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * store_lookup - all that the roster says about one message
 *
 * A question becomes a list of statements with text parameters, for db_ask(). A
 * set of keys is one parameter, a JSON object with these keys, so that ten
 * thousand recipients take one statement. Each row goes straight into the
 * answer.
 *
 * A roster of the first version lacks tables, and what is asked is sent before
 * the version is known. So it is taken to be what the last lookup found; if it
 * has changed since, everything is asked once more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "store/store_lookup.h"
#include "store/store_private.h"
#include "terms/account.h"

#define PARAMETERS 2
/* Among so few users the owners of all accounts are looked for. The time grows
 * with the square of their number. */
#define FEW 32

/* A statement to ask. */
struct ask {
	enum sql which;
	size_t i; /* of the key, where there is a statement for each */
	const char *text[PARAMETERS];
};

/* All statements, and their answer. */
struct asking {
	struct store *store;
	struct arena *arena;
	const struct store_question *question;
	struct store_answer *answer;
	struct ask *v;
	size_t n;
	int64_t version; /* is taken for the roster's */
	bool former;	 /* an account was found by a former name */
	bool again;	 /* the roster's version has changed */
};

static char *put_key(char *, const char *);
static const char *key_set(struct asking *, const struct store_keys *);
static void list_people(struct asking *, const char *, const char *);
static int list(struct asking *);
static int damaged(struct asking *, const char *);
static int read_account(struct asking *, size_t, struct db_stmt *);
static int read_address(struct asking *, struct member *);
static int read_account_name(struct asking *, struct store_members *,
    const struct ask *, struct db_stmt *);
static int read_member(struct asking *, struct store_members *,
    const struct ask *, struct db_stmt *);
static int read_key(struct asking *, struct db_stmt *);
static int compare_ids(const void *, const void *);
static bool has_owner(const int64_t *, size_t, int64_t);
static int check_owners(struct asking *);
static bool has_owner_among(const struct store_members *, int64_t);
static bool owns_any(const struct store_members *, const struct member *);
static int add_owners(struct asking *);
static bool of_account(enum sql);
static const char *decimal(struct asking *, int64_t);
static int need_entitled(struct asking *, struct ask *);
static int need_owners(struct asking *, struct ask *);
static int needed(void *, size_t);
static int take_schema(void *, enum db_content, int64_t);
static struct db_stmt *bind(void *, size_t);
static int take_row(void *, size_t, struct db_stmt *);
static int note_schema(void *, enum db_content, int64_t);
static int learn_version(struct store *);
static int ask(struct asking *);

/* "key":0, as JSON. */
static char *
put_key(char *out, const char *key)
{
	*out++ = '"';
	for (; *key != '\0'; key++) {
		if ((unsigned char)*key < ' ') {
			out += sprintf(out, "\\u%04x", *key);
			continue;
		}
		if (*key == '"' || *key == '\\')
			*out++ = '\\';
		*out++ = *key;
	}
	return (stpcpy(out, "\":0,"));
}

/* The keys as a JSON object, or NULL. */
static const char *
key_set(struct asking *a, const struct store_keys *keys)
{
	char *set, *out;
	size_t i, room;

	room = sizeof("{}");
	for (i = 0; i < keys->n; i++)
		room +=
		    strlen("\\u0000") * strlen(keys->v[i]) + strlen("\"\":0,");
	set = out = arena_alloc(a->arena, room);
	if (set == NULL) {
		failure_memory(&a->store->failure);
		return (NULL);
	}
	*out++ = '{';
	for (i = 0; i < keys->n; i++)
		out = put_key(out, keys->v[i]);
	if (keys->n > 0)
		out--;
	strcpy(out, "}");
	return (set);
}

/* The people: by one statement for each account, and one for those whom the
 * users' accounts have. */
static void
list_people(struct asking *a, const char *category, const char *users)
{
	static const enum sql of[] = {[STORE_OWNERS] = SQL_LOOKUP_OWNERS_OF,
	    [STORE_ENTITLED] = SQL_LOOKUP_ENTITLED_OF,
	    [STORE_EVERYBODY] = SQL_LOOKUP_EVERYBODY_OF};
	const struct store_question *q = a->question;
	enum sql which = q->people == STORE_EVERYBODY ? SQL_LOOKUP_EVERYBODY
						      : SQL_LOOKUP_ENTITLED;
	size_t i;

	for (i = 0; q->people != STORE_NOBODY && i < q->accounts.n; i++)
		a->v[a->n++] =
		    (struct ask){which, i, {category, q->accounts.v[i]}};
	if (q->others != STORE_NOBODY && q->users.n > 0)
		a->v[a->n++] =
		    (struct ask){of[q->others], 0, {category, users}};
}

static int
list(struct asking *a)
{
	const struct store_question *q = a->question;
	const char *category, *users;
	size_t i;

	a->v = arena_array(
	    a->arena, q->categories.n + 2 * q->accounts.n + 3, sizeof(*a->v));
	users = key_set(a, &q->users);
	if (a->v == NULL || users == NULL)
		return (failure_memory(&a->store->failure));
	if (a->version >= STORE_SECRET_SINCE)
		a->v[a->n++] = (struct ask){SQL_SECRET, 0, {STORE_STAMP}};
	for (i = 0; i < q->categories.n; i++)
		a->v[a->n++] =
		    (struct ask){SQL_CATEGORY, i, {q->categories.v[i]}};
	for (i = 0; i < q->accounts.n; i++)
		a->v[a->n++] =
		    (struct ask){SQL_LOOKUP_ACCOUNT, i, {q->accounts.v[i]}};
	category = q->categories.n > 0 ? q->categories.v[0] : "";
	if (q->users.n > 0)
		a->v[a->n++] =
		    (struct ask){SQL_LOOKUP_USERS, 0, {category, users}};
	list_people(a, category, users);
	return (0);
}

/*
 * If a disk changed one byte of an address, or of a number that leads from an
 * index to a row, SQLite may not notice, and a customer's mail would go to
 * another. So compare what is stored twice: one fault does not change both.
 */
static int
damaged(struct asking *a, const char *what)
{
	return (failure_set(&a->store->failure, FAILURE_IO,
	    "database %s: damaged: %s; run \"notifyctl check\"",
	    db_name(a->store->db), what));
}

static int
read_account(struct asking *a, size_t i, struct db_stmt *stmt)
{
	const char *name = db_text(stmt, 1), *found = db_text(stmt, 2);
	char key[ACCOUNT_KEY_SIZE];

	/* Found by its name, or by a former one. */
	if (account_key(found, key) != 1 ||
	    strcmp(key, a->question->accounts.v[i]) != 0)
		return (damaged(a, "an account has another's key"));
	a->answer->accounts[i].id = db_int(stmt, 0);
	a->answer->accounts[i].name = arena_strdup(a->arena, name);
	if (a->answer->accounts[i].name == NULL)
		return (failure_memory(&a->store->failure));
	a->former = a->former || strcmp(name, found) != 0;
	while (a->former &&
	    a->answer->accounts[a->answer->accounts[i].first].id !=
		a->answer->accounts[i].id)
		a->answer->accounts[i].first++;
	if (!a->former)
		a->answer->accounts[i].first = i;
	return (0);
}

/* Mail goes to the address as it is read, whoever wrote it. */
static int
read_address(struct asking *a, struct member *m)
{
	switch (store_read_address(a->arena, &m->address, &m->key)) {
	case 1:
		return (0);
	case 0:
		return (damaged(a, "a user's address and key do not agree"));
	}
	return (failure_memory(&a->store->failure));
}

/* Are the rows the entitled of one account? Its name is in another answer. */
static bool
of_account(enum sql which)
{
	return (which == SQL_LOOKUP_ENTITLED ||
	    which == SQL_LOOKUP_ENTITLED_BY_ID ||
	    which == SQL_LOOKUP_MIRRORED_BY_ID);
}

/* The account of the row, and its name. */
static int
read_account_name(struct asking *a, struct store_members *to,
    const struct ask *ask, struct db_stmt *stmt)
{
	struct member *m = &to->v[to->n];

	m->account = db_int(stmt, 0);
	if (of_account(ask->which)) {
		m->account_name = a->answer->accounts[ask->i].name;
		if (m->account == a->answer->accounts[ask->i].id)
			return (0);
		return (damaged(a,
		    "an index leads to a user of another "
		    "account, or to none"));
	}
	if (m->account == 0)
		return (damaged(a, "the account of a user is not there"));
	/* Consecutive rows of one account share its name. */
	m->account_name = to->n > 0 && m[-1].account == m->account
	    ? m[-1].account_name
	    : arena_strdup(a->arena, db_text(stmt, 1));
	if (m->account_name == NULL)
		return (failure_memory(&a->store->failure));
	return (0);
}

/* Add the row, in the order of LOOKUP_COLUMNS, to ${to}. The entitled of an
 * account count as subscribed; for others the row has a column more. */
static int
read_member(struct asking *a, struct store_members *to, const struct ask *ask,
    struct db_stmt *stmt)
{
	struct member *m;

	to->v = arena_grow(a->arena, to->v, to->n, &to->cap, sizeof(*to->v));
	if (to->v == NULL)
		return (failure_memory(&a->store->failure));
	m = &to->v[to->n];
	if (read_account_name(a, to, ask, stmt) != 0)
		return (-1);
	m->address = db_text(stmt, 2); /* of the row, until they are read */
	m->key = db_text(stmt, 3);
	m->named = false;
	m->link = db_int(stmt, 5);
	m->chat = m->link == 0 ? 0 : db_int(stmt, 6);
	m->subscribed = of_account(ask->which) || db_int(stmt, 7) != 0;
	if (store_read_role(a->store, stmt, 4, &m->role) != 0)
		return (-1);
	to->n++;
	return (read_address(a, m));
}

/* A key that a disk has changed would let every check fail. */
static int
read_key(struct asking *a, struct db_stmt *stmt)
{
	const char *key = db_text(stmt, 0);

	if (!stamp_is_key(key))
		return (damaged(a, "the key of the stamps is not a key"));
	strcpy(a->answer->key, key);
	return (0);
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}

static bool
has_owner(const int64_t *owned, size_t n, int64_t account)
{
	return (
	    bsearch(&account, owned, n, sizeof(*owned), compare_ids) != NULL);
}

/* Every account has an owner, who receives everything. If an index has lost the
 * row, that must not look as if nobody was to receive the message. */
static int
check_owners(struct asking *a)
{
	const struct store_question *q = a->question;
	const struct store_answer *answer = a->answer;
	const struct store_members *lists[] = {
	    &answer->people, &answer->others};
	int64_t *owned;
	size_t i, j, n = 0;
	bool all = true;

	owned = arena_array(
	    a->arena, answer->people.n + answer->others.n, sizeof(*owned));
	if (owned == NULL)
		return (failure_memory(&a->store->failure));
	for (i = 0; i < 2; i++) {
		for (j = 0; j < lists[i]->n; j++) {
			if (lists[i]->v[j].role == ROLE_OWNER)
				owned[n++] = lists[i]->v[j].account;
		}
	}
	qsort(owned, n, sizeof(*owned), compare_ids);
	for (i = 0; q->people != STORE_NOBODY && i < q->accounts.n; i++)
		all = all &&
		    (answer->accounts[i].id == 0 ||
			has_owner(owned, n, answer->accounts[i].id));
	for (i = 0; q->others != STORE_NOBODY && i < answer->users.n; i++)
		all = all && has_owner(owned, n, answer->users.v[i].account);
	return (all ? 0 : damaged(a, "an account has no owner"));
}

/* Is the account's owner among these? */
static bool
has_owner_among(const struct store_members *users, int64_t account)
{
	size_t i;

	for (i = 0; i < users->n; i++) {
		if (users->v[i].account == account &&
		    users->v[i].role == ROLE_OWNER)
			return (true);
	}
	return (false);
}

/* Is the person of ${m}, by the key, the owner of any account? */
static bool
owns_any(const struct store_members *users, const struct member *m)
{
	size_t i;

	for (i = 0; i < users->n; i++) {
		if (users->v[i].role == ROLE_OWNER &&
		    strcmp(users->v[i].key, m->key) == 0)
			return (true);
	}
	return (false);
}

/* Add the people who own an account to the others, as users of each of their
 * accounts. 0 or -1. */
static int
add_owners(struct asking *a)
{
	const struct store_members *users = &a->answer->users;
	struct store_members *others = &a->answer->others;
	size_t i;

	for (i = 0; i < users->n; i++) {
		if (!owns_any(users, &users->v[i]))
			continue;
		others->v = arena_grow(a->arena, others->v, others->n,
		    &others->cap, sizeof(*others->v));
		if (others->v == NULL)
			return (failure_memory(&a->store->failure));
		others->v[others->n++] = users->v[i];
	}
	return (0);
}

/* NULL if out of memory. */
static const char *
decimal(struct asking *a, int64_t id)
{
	const char *text = arena_printf(a->arena, "%lld", (long long)id);

	if (text == NULL)
		failure_memory(&a->store->failure);
	return (text);
}

/* Where the account and the category are known before their people are asked
 * for, these are asked for by their ids. The people of an account that is not
 * there, or that has come by another name, are not. */
static int
need_entitled(struct asking *a, struct ask *ask)
{
	const struct store_answer *answer = a->answer;
	const struct category *category =
	    a->question->categories.n > 0 ? &answer->categories[0] : NULL;

	if (answer->accounts[ask->i].id == 0 ||
	    answer->accounts[ask->i].first != ask->i)
		return (0);
	ask->which = category != NULL && category->mirrored
	    ? SQL_LOOKUP_MIRRORED_BY_ID
	    : SQL_LOOKUP_ENTITLED_BY_ID;
	ask->text[0] = decimal(a, category != NULL ? category->id : 0);
	ask->text[1] = decimal(a, answer->accounts[ask->i].id);
	return (ask->text[0] != NULL && ask->text[1] != NULL ? 1 : -1);
}

/*
 * Where the users are known before the owners of their accounts are asked for,
 * an owner who is one of them is known with all of his accounts. If the owner
 * of one account is not, that one is asked for by the account's id; if those of
 * several are not, all owners are asked for as listed.
 */
static int
need_owners(struct asking *a, struct ask *ask)
{
	const struct store_members *users = &a->answer->users;
	int64_t account = 0;
	size_t i;

	if (users->n > FEW)
		return (1);
	for (i = 0; i < users->n; i++) {
		if (has_owner_among(users, users->v[i].account))
			continue;
		if (account != 0 && users->v[i].account != account)
			return (1);
		account = users->v[i].account;
	}
	if (add_owners(a) != 0)
		return (-1);
	if (account == 0)
		return (0);
	ask->which = SQL_LOOKUP_OWNER_OF;
	ask->text[1] = decimal(a, account);
	return (ask->text[1] != NULL ? 1 : -1);
}

static int
needed(void *ctx, size_t i)
{
	struct asking *a = ctx;

	switch (a->v[i].which) {
	case SQL_LOOKUP_ENTITLED:
		return (need_entitled(a, &a->v[i]));
	case SQL_LOOKUP_OWNERS_OF:
		return (need_owners(a, &a->v[i]));
	default:
		return (1);
	}
}

static int
take_schema(void *ctx, enum db_content content, int64_t version)
{
	struct asking *a = ctx;

	if (store_fits(a->store, content, version) != 0)
		return (-1);
	a->again = a->version != version;
	return (a->again ? -1 : 0);
}

static struct db_stmt *
bind(void *ctx, size_t i)
{
	struct asking *a = ctx;
	const struct ask *ask = &a->v[i];
	struct db_stmt *stmt;
	int n;

	stmt = store_bound(a->store, ask->which, "");
	for (n = 0; stmt != NULL && n < PARAMETERS && ask->text[n] != NULL; n++)
		db_bind_text(stmt, n + 1, ask->text[n]);
	return (stmt);
}

static int
take_row(void *ctx, size_t i, struct db_stmt *stmt)
{
	struct asking *a = ctx;
	struct store_answer *answer = a->answer;
	const struct ask *ask = &a->v[i];

	if (ask->which == SQL_SECRET)
		return (read_key(a, stmt));
	if (ask->which == SQL_CATEGORY)
		return (store_read_category(
		    a->store, stmt, &answer->categories[ask->i]));
	if (ask->which == SQL_LOOKUP_ACCOUNT)
		return (read_account(a, ask->i, stmt));
	if (ask->which == SQL_LOOKUP_USERS)
		return (read_member(a, &answer->users, ask, stmt));
	if (!of_account(ask->which) && ask->which != SQL_LOOKUP_EVERYBODY)
		return (read_member(a, &answer->others, ask, stmt));
	/* The people of an account that has two of the names come once. */
	if (answer->accounts[ask->i].first != ask->i)
		return (0);
	return (read_member(a, &answer->people, ask, stmt));
}

static int
note_schema(void *ctx, enum db_content content, int64_t version)
{
	return (store_fits(ctx, content, version));
}

/* The first lookup does not know what to ask. */
static int
learn_version(struct store *s)
{
	const struct db_asking asking = {.schema = note_schema, .ctx = s};
	int rc;

	if (s->version != 0)
		return (0);
	rc = db_ask(s->db, &asking);
	return (rc == -1 ? store_note_failure(s) : -rc);
}

/* Ask once: 0; 1 if the roster's version has changed; -1. */
static int
ask(struct asking *a)
{
	struct db_asking asking = {.schema = take_schema,
	    .question = bind,
	    .row = take_row,
	    .needed = needed,
	    .ctx = a};

	a->n = 0;
	a->version = a->store->version;
	a->again = a->former = false;
	if (list(a) != 0)
		return (-1);
	asking.n = a->n;
	switch (db_ask(a->store->db, &asking)) {
	case 0:
		return (0);
	case 1:
		return (a->again ? 1 : -1);
	}
	return (store_note_failure(a->store));
}

int
store_lookup(struct store *s, struct arena *arena,
    const struct store_question *question, struct store_answer *answer)
{
	struct asking a = {
	    .store = s, .arena = arena, .question = question, .answer = answer};
	int rc;

	memset(answer, 0, sizeof(*answer));
	answer->categories = arena_array(
	    arena, question->categories.n, sizeof(*answer->categories));
	answer->accounts =
	    arena_array(arena, question->accounts.n, sizeof(*answer->accounts));
	if (answer->categories == NULL || answer->accounts == NULL)
		return (failure_memory(&s->failure));
	if (learn_version(s) != 0)
		return (-1);
	rc = ask(&a);
	if (rc == 1)
		rc = ask(&a);
	if (rc == 1)
		return (failure_set(&s->failure, FAILURE_BUSY,
		    "database %s: its schema version changes", db_name(s->db)));
	return (rc == 0 ? check_owners(&a) : rc);
}
