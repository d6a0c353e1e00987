/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subscriptions - notifyctl subscribe, unsubscribe and list
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/roster.h"
#include "store/store.h"
#include "terms/category.h"

/* One category's part of a list. */
struct listing {
	struct ctl *ctl;
	const struct category *category;
	bool everybody; /* those too who do not get it */
};

/* All categories, to go through one by one. */
struct categories {
	struct arena *arena;
	struct category *v;
	size_t n, cap;
};

static int subscribe(struct ctl *, const struct arguments *);
static int unsubscribe(struct ctl *, const struct arguments *);
static int may_unsubscribe(struct ctl *, const struct arguments *);
static int ask(struct ctl *, const struct arguments *, struct arguments *);
static int list_row(void *, const struct store_user *);
static int take_category(void *, const struct category *);

static int
subscribe(struct ctl *ctl, const struct arguments *args)
{
	return (roster_subscribe(&ctl->changes, args->v[0], args->v[1],
	    args->v + 2, args->n - 2, ctl->as));
}

int
subscriptions_subscribe(struct ctl *ctl, const struct arguments *args)
{
	return (ctl_write(ctl, subscribe, args));
}

static int
unsubscribe(struct ctl *ctl, const struct arguments *args)
{
	return (roster_unsubscribe(&ctl->changes, args->v[0], args->v[1],
	    args->v[2], ctl->as, args->confirm));
}

static int
may_unsubscribe(struct ctl *ctl, const struct arguments *args)
{
	return (roster_may_unsubscribe(
	    &ctl->changes, args->v[0], args->v[1], args->v[2], ctl->as));
}

/* Have the address typed again. The question goes to standard error: standard
 * output may be read by a program. */
static int
ask(struct ctl *ctl, const struct arguments *args, struct arguments *confirmed)
{
	char line[512];

	if (!isatty(STDIN_FILENO))
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "unsubscribing needs the address again, and there is no "
		    "terminal to ask at; expected --confirm %s",
		    args->v[2]));
	fprintf(stderr,
	    "%s will no longer receive %s for account %s.\n"
	    "Type the address again to confirm: ",
	    args->v[2], args->v[1], args->v[0]);
	if (fgets(line, sizeof(line), stdin) == NULL)
		line[0] = '\0';
	line[strcspn(line, "\r\n")] = '\0';
	*confirmed = *args;
	confirmed->confirm = arena_strdup(ctl->arena, line);
	return (confirmed->confirm == NULL ? failure_memory(&ctl->failure) : 0);
}

int
subscriptions_unsubscribe(struct ctl *ctl, const struct arguments *args)
{
	struct arguments confirmed;

	if (args->confirm != NULL)
		return (ctl_write(ctl, unsubscribe, args));
	/* Nobody types an address for a change that cannot be made. The lock
	 * is not held while they type. */
	if (store_begin(ctl->store, DB_READ) != 0)
		return (store_failed(ctl->store, &ctl->failure));
	if (may_unsubscribe(ctl, args) != 0) {
		store_end(ctl->store);
		return (-1);
	}
	store_end(ctl->store);
	if (ask(ctl, args, &confirmed) != 0)
		return (-1);
	return (ctl_write(ctl, unsubscribe, &confirmed));
}

static int
list_row(void *ctx, const struct store_user *u)
{
	const struct listing *l = ctx;
	struct output *out = l->ctl->out;
	const char *why;
	bool gets;

	gets = role_entitled(u->role, u->subscribed, l->category->open);
	if (!gets && !l->everybody)
		return (0);
	if (u->role == ROLE_OWNER)
		why = "owner: every category, always";
	else if (gets)
		why = "subscribed";
	else if (!role_may_receive(u->role, l->category->open))
		why = "not open to subscribers";
	else
		why = "not subscribed";
	output_row(out);
	output_cell(out, l->category->slug);
	output_cell(out, u->address);
	output_cell(out, role_name(u->role));
	output_cell_flag(out, gets);
	output_cell(out, why);
	return (0);
}

static int
take_category(void *ctx, const struct category *category)
{
	struct categories *all = ctx;

	all->v =
	    arena_grow(all->arena, all->v, all->n, &all->cap, sizeof(*all->v));
	if (all->v == NULL)
		return (-1);
	all->v[all->n++] = *category;
	return (0);
}

int
subscriptions_list(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {"category:CATEGORY",
	    "address:ADDRESS", "role:ROLE", "receives:?RECEIVES", "why:WHY",
	    NULL};
	struct listing l = {.ctl = ctl, .everybody = args->n == 2};
	struct categories all = {.arena = ctl->arena};
	struct store_account account;
	struct category one;
	size_t i;

	if (roster_account(&ctl->changes, args->v[0], &account) != 0)
		return (-1);
	if (args->n == 2) {
		if (roster_category(&ctl->changes, args->v[1], &one) != 0)
			return (-1);
		if (take_category(&all, &one) != 0)
			return (failure_memory(&ctl->failure));
	} else if (store_categories(ctl->store, take_category, &all) == -1) {
		return (store_failed(ctl->store, &ctl->failure));
	}
	output_text(ctl->out, "account", account.name);
	output_table(ctl->out, "list", columns);
	for (i = 0; i < all.n; i++) {
		l.category = &all.v[i];
		if (store_users(ctl->store, account.id, all.v[i].id, list_row,
			&l) == -1)
			return (store_failed(ctl->store, &ctl->failure));
	}
	return (0);
}
