/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_roster - what the present roster adds to the mail log
 */
#include <string.h>

#include "base/arena.h"
#include "lib/identity.h"
#include "notifyctl/ctl.h"
#include "notifyctl/trace/history.h"
#include "notifyctl/trace/trace_roster.h"
#include "settings/settings.h"
#include "store/store_edit.h"
#include "store/store_lookup.h"
#include "terms/account.h"
#include "terms/address.h"
#include "terms/category.h"

/* A list of names. */
struct names {
	struct arena *arena;
	const char **v;
	size_t n, cap;
};

static int take_former(void *, const struct store_former *);
static void add_name(struct names *, const char *);
static void account_keys(struct ctl *, const char *, struct store_keys *);

struct store *
trace_roster_open(struct ctl *ctl, const char **why)
{
	struct failure failure = FAILURE_INIT;
	struct store *s = NULL;

	if (ctl_take_roster(ctl) == 0)
		s = store_open(
		    ctl->settings->url, DB_READ, CTL_WAIT_MS, &failure);
	if (s == NULL && why != NULL)
		*why = arena_strdup(ctl->arena,
		    failure_text(failure.kind != FAILURE_NONE ? &failure
							      : &ctl->failure));
	failure_clear(&failure);
	failure_clear(&ctl->failure);
	if (s == NULL)
		identity_drop();
	return (s);
}

void
trace_roster_close(struct ctl *ctl, struct store *s)
{
	(void)ctl;
	if (s == NULL)
		return;
	store_close(s);
	identity_drop();
}

/* The keys of names that are joined by commas; each once. */
static void
account_keys(struct ctl *ctl, const char *names, struct store_keys *keys)
{
	char key[ACCOUNT_KEY_SIZE];
	size_t len, cap = 0, i;

	memset(keys, 0, sizeof(*keys));
	while (*names != '\0') {
		len = strcspn(names, ",");
		if (account_key(arena_strndup(ctl->arena, names, len), key) ==
		    1) {
			for (i = 0; i < keys->n; i++) {
				if (strcmp(keys->v[i], key) == 0)
					break;
			}
			keys->v = arena_grow(ctl->arena, keys->v, keys->n, &cap,
			    sizeof(*keys->v));
			keys->v[keys->n] = arena_strdup(ctl->arena, key);
			keys->n += i == keys->n;
		}
		names += len + (names[len] == ',');
	}
}

static int
take_former(void *ctx, const struct store_former *former)
{
	struct names *names = ctx;

	add_name(names, former->name);
	return (0);
}

static void
add_name(struct names *names, const char *name)
{
	names->v = arena_grow(
	    names->arena, names->v, names->n, &names->cap, sizeof(*names->v));
	names->v[names->n++] = arena_strdup(names->arena, name);
}

const char **
trace_roster_accounts(
    struct ctl *ctl, struct store *s, const char *address, size_t *n)
{
	struct names names = {.arena = ctl->arena};
	struct store_question question;
	struct store_answer answer;
	struct address person;
	size_t i;

	*n = 0;
	memset(&question, 0, sizeof(question));
	if (s == NULL || address_read(ctl->arena, address, &person) != 1)
		return (NULL);
	question.users.v = &person.key;
	question.users.n = 1;
	if (store_lookup(s, ctl->arena, &question, &answer) != 0 ||
	    store_begin(s, DB_READ) != 0)
		return (NULL);
	for (i = 0; i < answer.users.n; i++) {
		add_name(&names, answer.users.v[i].account_name);
		if (store_formers(s, answer.users.v[i].account, take_former,
			&names) == -1)
			break;
	}
	store_end(s);
	*n = names.n;
	return (names.v);
}

const char *
trace_roster_owners(struct ctl *ctl, struct store *s, const char *accounts)
{
	struct store_question question;
	struct store_answer answer;
	const char *text = "";
	size_t i;

	memset(&question, 0, sizeof(question));
	question.people = STORE_ENTITLED;
	account_keys(ctl, accounts, &question.accounts);
	if (s == NULL || question.accounts.n == 0 ||
	    store_lookup(s, ctl->arena, &question, &answer) != 0)
		return ("");
	for (i = 0; i < answer.people.n; i++) {
		if (answer.people.v[i].role == ROLE_OWNER)
			text = arena_concat(ctl->arena, text,
			    *text == '\0' ? "" : ",",
			    answer.people.v[i].address, NULL);
	}
	return (text);
}

int
trace_roster_people(struct ctl *ctl, struct store *s, const struct history *m,
    struct trace_people *people)
{
	struct store_question question;
	struct store_answer answer;
	char key[CATEGORY_KEY_SIZE];
	const char *keys[] = {key};
	size_t i;

	memset(&question, 0, sizeof(question));
	question.people = STORE_EVERYBODY;
	question.categories = (struct store_keys){keys, 1};
	account_keys(ctl, m->accounts, &question.accounts);
	if (category_key(m->category, key) != 1)
		return (0);
	if (store_lookup(s, ctl->arena, &question, &answer) != 0)
		return (-1);
	if (answer.categories[0].id == 0)
		return (0);
	people->category = answer.categories[0];
	people->users = answer.people;
	people->accounts = arena_array(
	    ctl->arena, question.accounts.n + 1, sizeof(*people->accounts));
	people->naccounts = 0;
	for (i = 0; i < question.accounts.n; i++) {
		if (answer.accounts[i].id != 0 && answer.accounts[i].first == i)
			people->accounts[people->naccounts++] =
			    answer.accounts[i].name;
	}
	return (1);
}
