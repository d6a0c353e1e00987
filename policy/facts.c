/*
 * facts - what the roster says about one message
 */
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "arena.h"
#include "failure.h"
#include "facts.h"
#include "message.h"
#include "settings.h"
#include "store.h"

/* One gathering: what its steps share. */
struct gathering {
	const struct settings *settings;
	struct store *store;
	const struct message *message;
	bool everybody;
	struct arena *arena;
	struct facts *facts;
	struct failure *failure;
	size_t accounts_cap;
	/* Rows on their way from the store. */
	struct member *rows;
	size_t nrows, rows_cap;
};

static int no_memory(struct gathering *);
static int lookup_failed(struct gathering *);
static int find_account(
    struct gathering *, const char *, struct fact_account **);
static int find_category(struct gathering *);
static int read_recipient(struct gathering *, size_t);
static bool all_known(const struct facts *);
static int take_row(void *, const struct store_user *);
static int find_members(struct gathering *, struct fact_recipient *);
static int compare_ids(const void *, const void *);
static int addressed(struct gathering *, int64_t **, size_t *);
static int find_people(struct gathering *);
static int gather(struct gathering *);

static int
no_memory(struct gathering *g)
{
	return (failure_set(g->failure, FAILURE_MEMORY, "no memory"));
}

/* Pass the store's failure on; a callback of ours fails for memory alone. */
static int
lookup_failed(struct gathering *g)
{
	const struct failure *f = store_failure(g->store);

	if (f->kind == FAILURE_NONE)
		return (no_memory(g));
	return (failure_set(g->failure, f->kind, "%s", failure_text(f)));
}

/* The account named ${name}, looked up once a message. */
static int
find_account(struct gathering *g, const char *key, struct fact_account **found)
{
	struct facts *facts = g->facts;
	struct store_account row;
	struct fact_account *account;
	size_t i;
	int rc;

	for (i = 0; i < facts->naccounts; i++) {
		if (strcmp(facts->accounts[i]->key, key) == 0) {
			*found = facts->accounts[i];
			return (0);
		}
	}
	account = arena_alloc(g->arena, sizeof(*account));
	facts->accounts = arena_grow(g->arena, facts->accounts,
	    facts->naccounts, &g->accounts_cap, sizeof(*facts->accounts));
	if (account == NULL || facts->accounts == NULL ||
	    (account->key = arena_strdup(g->arena, key)) == NULL)
		return (no_memory(g));
	rc = store_account(g->store, g->arena, key, &row);
	if (rc == -1)
		return (lookup_failed(g));
	account->id = rc == 1 ? row.id : 0;
	account->name = rc == 1 ? row.name : account->key;
	*found = facts->accounts[facts->naccounts++] = account;
	return (0);
}

/* The one category that all spellings of the tag mean. */
static int
find_category(struct gathering *g)
{
	struct facts *facts = g->facts;
	struct category category;
	size_t i;
	int rc;

	for (i = 0; i < facts->tag.ncategories; i++) {
		rc = store_category(
		    g->store, facts->tag.categories[i].key, &category);
		if (rc == -1)
			return (lookup_failed(g));
		if (rc == 0)
			facts->category_problem =
			    arena_printf(g->arena, "unknown category '%.80s'",
				facts->tag.categories[i].text);
		else if (i > 0 && category.id != facts->category.id)
			facts->category_problem = arena_printf(g->arena,
			    "two different categories, %s and %s",
			    facts->category.slug, category.slug);
		else
			facts->category = category;
		if (rc == 0 || facts->category.id != category.id) {
			facts->category_known = false;
			return (
			    facts->category_problem == NULL ? no_memory(g) : 0);
		}
		facts->category_known = true;
	}
	return (0);
}

/* Take recipient ${i} apart; find its account if it is an account's address. */
static int
read_recipient(struct gathering *g, size_t i)
{
	struct fact_recipient *r = &g->facts->recipients[i];
	char key[ACCOUNT_KEY_SIZE];
	struct fact_account *account;
	const char *local, *text;
	int found;

	found = address_read(g->arena, g->message->recipients[i], &r->address);
	if (found == -1)
		return (no_memory(g));
	r->readable = found == 1;
	if (!r->readable || *g->settings->account_domain == '\0' ||
	    strcmp(r->address.domain, g->settings->account_domain) != 0)
		return (0);
	text = r->address.base != NULL ? r->address.base : r->address.key;
	local = arena_strndup(g->arena, text, address_local_length(text));
	if (local == NULL)
		return (no_memory(g));
	/* What cannot be a name is looked up all the same: it is not there. */
	if (find_account(
		g, account_key(local, key) == 1 ? key : local, &account) != 0)
		return (-1);
	r->account = account;
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
	return (facts->category_known);
}

/* A row of the store becomes a member, in the arena. */
static int
take_row(void *ctx, const struct store_user *u)
{
	struct gathering *g = ctx;
	struct member *m;

	g->rows = arena_grow(
	    g->arena, g->rows, g->nrows, &g->rows_cap, sizeof(*g->rows));
	if (g->rows == NULL) {
		g->nrows = g->rows_cap = 0;
		return (no_memory(g));
	}
	m = &g->rows[g->nrows];
	m->account = u->account;
	m->role = u->role;
	m->subscribed = u->subscribed;
	m->link = u->link;
	m->chat = u->chat;
	/* Rows of one account stand together: keep one copy of its name. */
	if (g->nrows > 0 && m[-1].account == u->account)
		m->account_name = m[-1].account_name;
	else
		m->account_name = arena_strdup(g->arena, u->account_name);
	m->address = arena_strdup(g->arena, u->address);
	m->key = strcmp(u->address, u->key) == 0
	    ? m->address
	    : arena_strdup(g->arena, u->key);
	if (m->account_name == NULL || m->address == NULL || m->key == NULL)
		return (no_memory(g));
	g->nrows++;
	return (0);
}

/* The users that a recipient is: by its whole address, or else without the
 * detail part. */
static int
find_members(struct gathering *g, struct fact_recipient *r)
{
	int64_t category = g->facts->category.id;

	g->rows = NULL;
	g->nrows = g->rows_cap = 0;
	if (store_memberships(
		g->store, r->address.key, category, take_row, g) == -1)
		return (lookup_failed(g));
	if (g->nrows == 0 && r->address.base != NULL &&
	    store_memberships(
		g->store, r->address.base, category, take_row, g) == -1)
		return (lookup_failed(g));
	r->members = g->rows;
	r->nmembers = g->nrows;
	return (0);
}

static int
compare_ids(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x < y ? -1 : x > y);
}

/*
 * The accounts whose people join (product.md, What happens to a message, 4).
 * A header says which account the message is about: then expand = always adds
 * no others, since their people must not read it.
 */
static int
addressed(struct gathering *g, int64_t **ids, size_t *n)
{
	const struct facts *facts = g->facts;
	const struct fact_recipient *r;
	size_t i, j, cap, count;

	*ids = NULL;
	*n = count = cap = 0;
	if (g->settings->expand == EXPAND_NEVER && !g->everybody)
		return (0);
	for (i = 0; i < facts->naccounts; i++) {
		*ids = arena_grow(g->arena, *ids, count, &cap, sizeof(**ids));
		if (*ids == NULL)
			return (no_memory(g));
		(*ids)[count++] = facts->accounts[i]->id;
	}
	if (g->settings->expand == EXPAND_ALWAYS && facts->header == NULL) {
		for (i = 0; i < g->message->nrecipients; i++) {
			r = &facts->recipients[i];
			for (j = 0; j < r->nmembers; j++) {
				*ids = arena_grow(
				    g->arena, *ids, count, &cap, sizeof(**ids));
				if (*ids == NULL)
					return (no_memory(g));
				(*ids)[count++] = r->members[j].account;
			}
		}
	}
	if (count > 0)
		qsort(*ids, count, sizeof(**ids), compare_ids);
	for (i = 0; i < count; i++) {
		if (i == 0 || (*ids)[i] != (*ids)[i - 1])
			(*ids)[(*n)++] = (*ids)[i];
	}
	return (0);
}

static int
find_people(struct gathering *g)
{
	int64_t *ids;
	size_t i, n;
	int rc;

	if (addressed(g, &ids, &n) != 0)
		return (-1);
	g->rows = NULL;
	g->nrows = g->rows_cap = 0;
	for (i = 0; i < n; i++) {
		if (g->everybody)
			rc = store_users(g->store, ids[i],
			    g->facts->category.id, take_row, g);
		else
			rc = store_recipients(g->store, ids[i],
			    g->facts->category.id, take_row, g);
		if (rc == -1)
			return (lookup_failed(g));
	}
	g->facts->people = g->rows;
	g->facts->npeople = g->nrows;
	return (0);
}

static int
gather(struct gathering *g)
{
	struct facts *facts = g->facts;
	struct fact_account *header;
	size_t i;

	if (facts->tag.account != NULL) {
		if (find_account(g, facts->tag.account, &header) != 0)
			return (-1);
		facts->header = header;
	}
	for (i = 0; i < g->message->nrecipients; i++) {
		if (read_recipient(g, i) != 0)
			return (-1);
	}
	if (find_category(g) != 0)
		return (-1);
	/* A tag that cannot be understood is not acted on: look no further. */
	if (!all_known(facts))
		return (0);
	for (i = 0; i < g->message->nrecipients; i++) {
		if (facts->recipients[i].readable &&
		    facts->recipients[i].account == NULL &&
		    find_members(g, &facts->recipients[i]) != 0)
			return (-1);
	}
	return (find_people(g));
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
	int rc;

	memset(facts, 0, sizeof(*facts));
	if (tag_read(a, message->headers, message->nheaders, &facts->tag) != 0)
		return (no_memory(&g));
	facts->recipients =
	    arena_array(a, message->nrecipients, sizeof(*facts->recipients));
	if (facts->recipients == NULL)
		return (no_memory(&g));
	if (facts->tag.problem != NULL)
		return (0);
	if (store_begin(store, DB_READ) != 0)
		return (lookup_failed(&g));
	rc = gather(&g);
	store_end(store);
	return (rc);
}
