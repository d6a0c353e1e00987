/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subscriptions - notifyctl subscribe, unsubscribe and list
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "lib/shell.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/roster.h"
#include "store/store.h"
#include "terms/category.h"

/* How much of all categories a user gets. */
struct share {
	const char *address;
	enum role role;
	size_t categories;
};

/* One category's part of a list. */
struct listing {
	struct ctl *ctl;
	const struct category *category;
	/* In the order of the users, which is the same for each category. */
	struct share *shares;
	size_t nshares, shares_cap;
	size_t user; /* the next row is of this one */
};

/* The categories of a list. */
struct categories {
	struct arena *arena;
	struct category *v;
	size_t n, cap;
};

static int subscribe(struct ctl *, const struct arguments *);
static int ask(struct ctl *, const struct arguments *, char *, size_t);
static int unsubscribe(struct ctl *, const struct arguments *);
static int list(struct ctl *, const struct arguments *);
static struct share *share_of(struct listing *, const struct store_user *);
static void list_shares(const struct listing *, const char *, size_t);
static int list_row(void *, const struct store_user *);
static int take_category(void *, const struct category *);

static const struct ctl_option unsubscribe_options[] = {
    {.name = "confirm", .value = "EMAIL"}, {.name = NULL}};

const struct ctl_command subscriptions_commands[] = {
    {"subscribe", "ACCOUNT CATEGORY EMAIL...",
	"subscribe users, all or none; needs --as an owner or user-admin", 3,
	CTL_MANY, CTL_CHANGE, .run = subscribe},
    {"unsubscribe", "ACCOUNT CATEGORY EMAIL",
	"needs the same --as; asks at a terminal without --confirm", 3, 3,
	CTL_WRITE, .run = unsubscribe, .options = unsubscribe_options},
    {"list", "ACCOUNT [CATEGORY]", "who gets what, who does not, and why", 1, 2,
	CTL_READ, .run = list},
    {.name = NULL},
};

static int
subscribe(struct ctl *ctl, const struct arguments *args)
{
	return (roster_subscribe(&ctl->changes, args->v[0], args->v[1],
	    args->v + 2, args->n - 2, ctl->as));
}

/* Ask for the address again, if the change is possible at all. No lock is held
 * meanwhile. The question goes to standard error: a program may read standard
 * output. */
static int
ask(struct ctl *ctl, const struct arguments *args, char *line, size_t size)
{
	int rc;

	if (ctl_begin(ctl, DB_READ) != 0)
		return (-1);
	rc = roster_may_unsubscribe(
	    &ctl->changes, args->v[0], args->v[1], args->v[2], ctl->as);
	store_end(ctl->store);
	if (rc != 0)
		return (-1);
	if (!isatty(STDIN_FILENO))
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "unsubscribing needs the address again, and there is no "
		    "terminal to ask at; expected --confirm %s",
		    shell_quote(ctl->arena, args->v[2])));
	fprintf(stderr,
	    "%s will no longer receive %s for account %s.\n"
	    "Type the address again to confirm: ",
	    args->v[2], args->v[1], args->v[0]);
	if (fgets(line, (int)size, stdin) == NULL)
		line[0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	return (0);
}

static int
unsubscribe(struct ctl *ctl, const struct arguments *args)
{
	const char *confirm = ctl_option(args, "confirm");
	char line[512];

	if (confirm == NULL && ask(ctl, args, line, sizeof(line)) != 0)
		return (-1);
	if (ctl_begin(ctl, DB_WRITE) != 0)
		return (-1);
	return (ctl_finish(ctl,
	    roster_unsubscribe(&ctl->changes, args->v[0], args->v[1],
		args->v[2], ctl->as, confirm == NULL ? line : confirm)));
}

static struct share *
share_of(struct listing *l, const struct store_user *u)
{
	struct arena *a = l->ctl->arena;
	struct share *share;

	if (l->user == l->nshares) {
		l->shares = arena_grow(
		    a, l->shares, l->nshares, &l->shares_cap, sizeof(*share));
		share = &l->shares[l->nshares++];
		share->address = arena_strdup(a, u->address);
		share->role = u->role;
		share->categories = 0;
	}
	return (&l->shares[l->user++]);
}

/* Who gets so many categories, as a table. */
static void
list_shares(const struct listing *l, const char *name, size_t categories)
{
	static const char *const columns[] = {
	    "address:ADDRESS", "role:ROLE", NULL};
	struct output *out = l->ctl->out;
	size_t i;

	output_line(out, "%s", "");
	output_line(out, "who gets %s:", name);
	output_table(out, name, columns);
	for (i = 0; i < l->nshares; i++) {
		if (l->shares[i].categories != categories)
			continue;
		output_row(out);
		output_cell(out, l->shares[i].address);
		output_cell(out, role_name(l->shares[i].role));
	}
}

static int
list_row(void *ctx, const struct store_user *u)
{
	struct listing *l = ctx;
	struct output *out = l->ctl->out;
	const char *why;
	bool receives;

	if (!ctl_shows(l->ctl, u->address))
		return (0);
	receives = role_entitled(u->role, u->subscribed, l->category->open);
	share_of(l, u)->categories += receives;
	if (u->role == ROLE_OWNER)
		why = "owner: every category, always";
	else if (receives)
		why = "subscribed";
	else if (!role_may_receive(u->role, l->category->open))
		why = "not open to subscribers";
	else
		why = "not subscribed";
	output_row(out);
	output_cell(out, l->category->slug);
	output_cell(out, u->address);
	output_cell(out, role_name(u->role));
	output_cell_flag(out, receives);
	output_cell(out, why);
	return (0);
}

static int
take_category(void *ctx, const struct category *category)
{
	struct categories *all = ctx;

	all->v =
	    arena_grow(all->arena, all->v, all->n, &all->cap, sizeof(*all->v));
	all->v[all->n++] = *category;
	return (0);
}

static int
list(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {"category:CATEGORY",
	    "address:ADDRESS", "role:ROLE", "receives:?RECEIVES", "why:WHY",
	    NULL};
	struct listing l = {.ctl = ctl};
	struct categories all = {.arena = ctl->arena};
	struct store_account account;
	struct category one;
	size_t i;

	if (roster_account(&ctl->changes, args->v[0], &account) != 0)
		return (-1);
	if (args->n == 2) {
		if (roster_category(&ctl->changes, args->v[1], &one) != 0)
			return (-1);
		(void)take_category(&all, &one);
	} else if (store_categories(ctl->store, take_category, &all) == -1) {
		return (store_failed(ctl->store, &ctl->failure));
	}
	output_text(ctl->out, "account", account.name);
	output_table(ctl->out, "list", columns);
	for (i = 0; i < all.n; i++) {
		l.category = &all.v[i];
		l.user = 0;
		if (store_users(ctl->store, account.id, all.v[i].id, list_row,
			&l) == -1)
			return (store_failed(ctl->store, &ctl->failure));
	}
	if (args->n == 1) {
		list_shares(&l, "nothing", 0);
		list_shares(&l, "everything", all.n);
	}
	return (0);
}
