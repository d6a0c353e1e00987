/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * facts - what the roster says about one message
 */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "base/strmap.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_lookup.h"
#include "terms/account.h"
#include "terms/role.h"
#include "terms/stamp.h"

/* What the steps of one lookup share. */
struct gathering {
	const struct settings *settings;
	struct store *store;
	const struct message *message;
	bool everybody;
	struct arena *arena;
	struct facts *facts;
	struct failure *failure;
	struct store_question question;
	struct strmap accounts, users; /* asked about so far, by key */
	size_t accounts_cap, names_cap, users_cap;
	struct store_answer answer;
	struct strmap groups; /* by key, the first of the users with it */
};

static int ask_account(
    struct gathering *, const char *, const struct fact_account **);
static int ask_user(struct gathering *, const char *);
static int read_chat(struct gathering *, struct fact_recipient *);
static int ask_address(struct gathering *, const struct address *);
static int fold_recipient(struct gathering *, struct fact_recipient *);
static int ask_recipient(struct gathering *, struct fact_recipient *);
static int read_recipient(struct gathering *, size_t);
static int ask_category(struct gathering *);
static void ask_people(struct gathering *);
static const struct fact_account *first_name(
    const struct gathering *, const struct fact_account *);
static void settle_accounts(struct gathering *);
static int settle_category(struct gathering *);
static int settle_stamp(struct gathering *);
static bool all_known(const struct facts *);
static int compare_members(const void *, const void *);
static size_t find_group(
    const struct gathering *, const char *, const struct member **);
static int settle_members(struct gathering *);
static int compare_ids(const void *, const void *);
static int settle_named(struct gathering *);
static int compare_people(const void *, const void *);
static void settle_people(struct gathering *);
static int gather(struct gathering *);

/* Ask about the account with the name ${key}, unless that has been done. */
static int
ask_account(
    struct gathering *g, const char *key, const struct fact_account **found)
{
	struct facts *facts = g->facts;
	struct store_keys *names = &g->question.accounts;
	struct fact_account *account;
	const void *seen;

	if (strmap_find(&g->accounts, key, &seen) == 1) {
		*found = seen;
		return (0);
	}
	account = arena_alloc(g->arena, sizeof(*account));
	facts->accounts = arena_grow(g->arena, facts->accounts,
	    facts->naccounts, &g->accounts_cap, sizeof(*facts->accounts));
	names->v = arena_grow(
	    g->arena, names->v, names->n, &g->names_cap, sizeof(*names->v));
	if (account == NULL || facts->accounts == NULL || names->v == NULL ||
	    (account->key = arena_strdup(g->arena, key)) == NULL ||
	    strmap_add(&g->accounts, account->key, account) == -1)
		return (failure_memory(g->failure));
	account->name = account->key;
	names->v[names->n++] = account->key;
	account->index = facts->naccounts;
	facts->accounts[facts->naccounts++] = account;
	*found = account;
	return (0);
}

/* Ask about users with the address ${key}, unless that has been done. */
static int
ask_user(struct gathering *g, const char *key)
{
	struct store_keys *users = &g->question.users;
	int rc;

	rc = strmap_add(&g->users, key, NULL);
	if (rc == 0)
		return (0);
	users->v = arena_grow(
	    g->arena, users->v, users->n, &g->users_cap, sizeof(*users->v));
	if (rc == -1 || users->v == NULL)
		return (failure_memory(g->failure));
	users->v[users->n++] = key;
	return (0);
}

/* A recipient in the Telegram domain: evaluate() checks it. */
static int
read_chat(struct gathering *g, struct fact_recipient *r)
{
	const char *local;

	local = arena_strndup(
	    g->arena, r->address.key, address_local_length(r->address.key));
	if (local == NULL)
		return (failure_memory(g->failure));
	if (!stamp_chat(local, &r->link, &r->check) || r->check == NULL)
		r->link = 0;
	return (0);
}

/* Ask for the users with the address, as a whole or else without its detail
 * part. */
static int
ask_address(struct gathering *g, const struct address *address)
{
	if (ask_user(g, address->key) != 0)
		return (-1);
	return (address->base == NULL ? 0 : ask_user(g, address->base));
}

/* Fill in r->folded. */
static int
fold_recipient(struct gathering *g, struct fact_recipient *r)
{
	const char *text;
	int found;

	if (!address_wide(r->address.exact))
		return (0);
	found = address_fold(g->arena, r->address.exact, &text) == 0
	    ? address_read(g->arena, text, &r->folded)
	    : -1;
	if (found == -1)
		return (failure_memory(g->failure));
	if (found == 0 || strcmp(r->folded.key, r->address.key) == 0)
		r->folded.key = NULL;
	return (0);
}

/* Ask for the users with the recipient's address, and with the one that Postfix
 * may take it for. */
static int
ask_recipient(struct gathering *g, struct fact_recipient *r)
{
	if (ask_address(g, &r->address) != 0 || fold_recipient(g, r) != 0)
		return (-1);
	return (r->folded.key == NULL ? 0 : ask_address(g, &r->folded));
}

/* Read recipient ${i}: it is an account's address, or perhaps a user's, as a
 * whole or else without its detail part. */
static int
read_recipient(struct gathering *g, size_t i)
{
	struct fact_recipient *r = &g->facts->recipients[i];
	char key[ACCOUNT_KEY_SIZE];
	const char *local, *text;
	int found;

	found = address_read(g->arena, g->message->recipients[i], &r->address);
	if (found == -1)
		return (failure_memory(g->failure));
	r->readable = found == 1;
	if (!r->readable)
		return (0);
	if (strcmp(r->address.domain, g->settings->telegram_domain) == 0)
		return (read_chat(g, r));
	r->always_keep = addrlist_has(&g->settings->always_keep, &r->address);
	if (*g->settings->account_domain == '\0' ||
	    strcmp(r->address.domain, g->settings->account_domain) != 0)
		return (ask_recipient(g, r));
	text = r->address.base != NULL ? r->address.base : r->address.key;
	local = arena_strndup(g->arena, text, address_local_length(text));
	if (local == NULL)
		return (failure_memory(g->failure));
	/* A text that is no valid name is asked about too, and not found. */
	return (ask_account(
	    g, account_key(local, key) == 1 ? key : local, &r->account));
}

static int
ask_category(struct gathering *g)
{
	const struct tag *tag = &g->facts->tag;
	struct store_keys *keys = &g->question.categories;

	keys->v = arena_array(g->arena, tag->ncategories, sizeof(*keys->v));
	if (keys->v == NULL)
		return (failure_memory(g->failure));
	for (; keys->n < tag->ncategories; keys->n++)
		keys->v[keys->n] = tag->categories[keys->n].key;
	return (0);
}

/* Ask for those who may join (policy/README.md, What happens to a message, 4).
 * If a header names the account, it alone is found. */
static void
ask_people(struct gathering *g)
{
	static const enum store_people others[] = {
	    [EXPAND_OWNER] = STORE_OWNERS,
	    [EXPAND_ALWAYS] = STORE_ENTITLED,
	    [EXPAND_ADDRESSED] = STORE_NOBODY,
	    [EXPAND_NEVER] = STORE_NOBODY};
	struct store_question *q = &g->question;
	enum expand expand = g->settings->expand;

	q->people = expand == EXPAND_NEVER ? STORE_NOBODY : STORE_ENTITLED;
	q->others = g->facts->header == NULL ? others[expand] : STORE_NOBODY;
	if (g->everybody)
		q->people = STORE_EVERYBODY;
	if (g->everybody && q->others == STORE_ENTITLED)
		q->others = STORE_EVERYBODY;
}

/* The first of the names that the message has for that account. */
static const struct fact_account *
first_name(const struct gathering *g, const struct fact_account *account)
{
	if (account == NULL || account->id == 0)
		return (account);
	return (g->facts->accounts[g->answer.accounts[account->index].first]);
}

/* The accounts, in the order in which they were asked about, each once: an
 * account may have been named by a former name too. */
static void
settle_accounts(struct gathering *g)
{
	struct facts *facts = g->facts;
	struct fact_account *account;
	size_t i, n = 0;

	for (i = 0; i < facts->naccounts; i++) {
		account = facts->accounts[i];
		account->id = g->answer.accounts[i].id;
		if (account->id != 0)
			account->name = g->answer.accounts[i].name;
	}
	facts->header = first_name(g, facts->header);
	for (i = 0; i < g->message->nrecipients; i++)
		facts->recipients[i].account =
		    first_name(g, facts->recipients[i].account);
	for (i = 0; i < facts->naccounts; i++) {
		account = facts->accounts[i];
		if (account->id == 0 || g->answer.accounts[i].first == i)
			facts->accounts[n++] = account;
	}
	facts->naccounts = n;
	for (i = 0; i < n; i++)
		facts->accounts[i]->index = i;
}

/* The one category that all spellings of the tag mean. */
static int
settle_category(struct gathering *g)
{
	struct facts *facts = g->facts;
	int rc;

	rc = tag_category(g->arena, &facts->tag, g->answer.categories,
	    &facts->category_problem);
	if (rc == -1)
		return (failure_memory(g->failure));
	if (rc == 1)
		facts->category = g->answer.categories[0];
	return (0);
}

static int
settle_stamp(struct gathering *g)
{
	struct facts *facts = g->facts;
	char *stamp;

	if (g->answer.key[0] == '\0')
		return (0);
	facts->key = arena_strdup(g->arena, g->answer.key);
	if (facts->key == NULL)
		return (failure_memory(g->failure));
	if (facts->category.id == 0 || g->message->id == NULL)
		return (0);
	stamp = arena_alloc(g->arena, STAMP_SIZE);
	if (stamp == NULL)
		return (failure_memory(g->failure));
	stamp_decided(facts->key, facts->category.slug, facts->tag.account,
	    g->message->id, stamp);
	facts->stamp = stamp;
	return (0);
}

static bool
all_known(const struct facts *facts)
{
	size_t i;

	for (i = 0; i < facts->naccounts; i++) {
		if (facts->accounts[i]->id == 0)
			return (false);
	}
	return (facts->category.id != 0);
}

/* By key, then by account. */
static int
compare_members(const void *a, const void *b)
{
	const struct member *x = a, *y = b;
	int order;

	order = strcmp(x->key, y->key);
	if (order != 0)
		return (order);
	return (x->account < y->account ? -1 : x->account > y->account);
}

/* The members with the address ${key}: how many, and the first. */
static size_t
find_group(
    const struct gathering *g, const char *key, const struct member **first)
{
	const struct member *end, *m;
	const void *found;

	if (strmap_find(&g->groups, key, &found) != 1)
		return (0);
	*first = found;
	end = g->answer.users.v + g->answer.users.n;
	for (m = *first; m < end && strcmp(m->key, key) == 0; m++)
		;
	return ((size_t)(m - *first));
}

/* Find each recipient's users. */
static int
settle_members(struct gathering *g)
{
	struct store_members *users = &g->answer.users;
	const struct member *alike;
	struct fact_recipient *r;
	size_t i;

	if (users->n > 0)
		qsort(users->v, users->n, sizeof(*users->v), compare_members);
	for (i = 0; i < users->n; i++) {
		if (strmap_add(&g->groups, users->v[i].key, &users->v[i]) == -1)
			return (failure_memory(g->failure));
	}
	for (i = 0; i < g->message->nrecipients; i++) {
		r = &g->facts->recipients[i];
		if (!r->readable || r->account != NULL)
			continue;
		r->nmembers = find_group(g, r->address.key, &r->members);
		if (r->nmembers == 0 && r->address.base != NULL)
			r->nmembers =
			    find_group(g, r->address.base, &r->members);
		r->alike = r->folded.key != NULL &&
		    (find_group(g, r->folded.key, &alike) > 0 ||
			(r->folded.base != NULL &&
			    find_group(g, r->folded.base, &alike) > 0));
	}
	return (0);
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}

/* Note whose account is named. */
static int
settle_named(struct gathering *g)
{
	struct store_answer *answer = &g->answer;
	struct store_members *lists[] = {
	    &answer->users, &answer->people, &answer->others};
	size_t i, j, n = g->facts->naccounts;
	int64_t *ids;

	if (n == 0)
		return (0);
	ids = arena_array(g->arena, n, sizeof(*ids));
	if (ids == NULL)
		return (failure_memory(g->failure));
	for (i = 0; i < n; i++)
		ids[i] = g->facts->accounts[i]->id;
	qsort(ids, n, sizeof(*ids), compare_ids);
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (j = 0; j < lists[i]->n; j++)
			lists[i]->v[j].named =
			    bsearch(&lists[i]->v[j].account, ids, n,
				sizeof(*ids), compare_ids) != NULL;
	}
	return (0);
}

/* By account, the owner first. */
static int
compare_people(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	if (x->account != y->account)
		return (x->account < y->account ? -1 : 1);
	if ((x->role == ROLE_OWNER) != (y->role == ROLE_OWNER))
		return (x->role == ROLE_OWNER ? -1 : 1);
	return (strcmp(x->key, y->key));
}

static void
settle_people(struct gathering *g)
{
	struct store_members *people = &g->answer.people,
			     *others = &g->answer.others;
	size_t i;

	for (i = 1; i < people->n; i++) {
		if (people->v[i].account < people->v[i - 1].account) {
			qsort(people->v, people->n, sizeof(*people->v),
			    compare_people);
			break;
		}
	}
	g->facts->people = people->v;
	g->facts->npeople = people->n;
	if (others->n > 0)
		qsort(
		    others->v, others->n, sizeof(*others->v), compare_members);
	g->facts->others = others->v;
	g->facts->nothers = others->n;
}

static int
gather(struct gathering *g)
{
	struct facts *facts = g->facts;
	size_t i;

	if (facts->tag.account != NULL &&
	    ask_account(g, facts->tag.account, &facts->header) != 0)
		return (-1);
	for (i = 0; i < g->message->nrecipients; i++) {
		if (read_recipient(g, i) != 0)
			return (-1);
	}
	if (ask_category(g) != 0)
		return (-1);
	ask_people(g);
	if (store_lookup(g->store, g->arena, &g->question, &g->answer) != 0)
		return (store_failed(g->store, g->failure));
	settle_accounts(g);
	if (settle_category(g) != 0 || settle_stamp(g) != 0)
		return (-1);
	/* A bad tag is decided without the people. */
	if (!all_known(facts))
		return (0);
	if (settle_named(g) != 0 || settle_members(g) != 0)
		return (-1);
	settle_people(g);
	return (0);
}

int
facts_gather(const struct settings *settings, struct store *store,
    const struct message *message, bool everybody, struct arena *a,
    struct facts *facts, struct failure *failure)
{
	struct gathering g = {.settings = settings,
	    .store = store,
	    .message = message,
	    .everybody = everybody,
	    .arena = a,
	    .facts = facts,
	    .failure = failure};

	memset(facts, 0, sizeof(*facts));
	g.accounts.arena = g.users.arena = g.groups.arena = a;
	if (tag_read(a, message, &facts->tag) != 0)
		return (failure_memory(g.failure));
	facts->recipients =
	    arena_array(a, message->nrecipients, sizeof(*facts->recipients));
	if (facts->recipients == NULL)
		return (failure_memory(g.failure));
	if (facts->tag.problem != NULL)
		return (0);
	return (gather(&g));
}
