/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record - notifyctl log
 */
#include <string.h>

#include "base/arena.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/when.h"
#include "roster/roster.h"
#include "store/store.h"
#include "store/store_edit.h"

struct listing {
	struct output *out;
	size_t rows;
	size_t before; /* so many are of former accounts of that name */
	int64_t since; /* only these are shown */
};

static int log_changes(struct ctl *, const struct arguments *);
static int find_present(void *, const struct store_change *);
static int prune(struct ctl *, const struct arguments *);
static int row(void *, const struct store_change *);

static const struct ctl_option log_options[] = {
    {.name = "since", .value = "TIME"}, {.name = "before", .value = "DATE"},
    {.name = "prune"}, {.name = NULL}};

const struct ctl_command record_commands[] = {
    {"log", "[ACCOUNT]",
	"who changed what; --before DATE --prune removes what is older", 0, 1,
	CTL_READ, .run = log_changes, .options = log_options,
	.change_with = "prune"},
    {.name = NULL},
};

/* The record goes by name, and a name may have been another customer's. */
static int
find_present(void *ctx, const struct store_change *c)
{
	struct listing *l = ctx;

	if (strcmp(c->action, "account-add") == 0)
		l->before = l->rows;
	l->rows++;
	if (strcmp(c->action, "account-remove") == 0)
		l->before = l->rows;
	return (0);
}

static int
row(void *ctx, const struct store_change *c)
{
	struct listing *l = ctx;

	if (++l->rows > l->before && c->at >= l->since)
		output_changes_row(l->out, c);
	return (0);
}

static int
prune(struct ctl *ctl, const struct arguments *args)
{
	struct changes *c = &ctl->changes;
	struct store_account account;
	const char *name = NULL, *before = ctl_option(args, "before");
	int64_t at = 0, end, n;

	if (before == NULL)
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "--prune needs to know what is old; expected --before "
		    "DATE"));
	if (when_day(ctl->arena, before, &at, &end, &ctl->failure) != 0)
		return (-1);
	if (at > c->now)
		return (failure_set(&ctl->failure, FAILURE_DATA,
		    "%s is not over yet; expected a day until today", before));
	if (args->n == 1) {
		/* It may be one that was removed. */
		if (roster_account(c, args->v[0], &account) == 0)
			name = account.name;
		else if (ctl->failure.kind != FAILURE_UNKNOWN)
			return (-1);
		else
			name = args->v[0];
	}
	if (store_changes_prune(ctl->store, name, at, &n) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	if (n == 0 && ctl->failure.kind == FAILURE_UNKNOWN)
		return (-1);
	failure_clear(&ctl->failure);
	return (membership_record(c, name == NULL ? "" : name, "log-prune",
	    name == NULL ? "all accounts" : name,
	    arena_printf(
		ctl->arena, "%lld changes before %s", (long long)n, before)));
}

/* An unknown account may be a removed one, whose changes are in the log. */
static int
log_changes(struct ctl *ctl, const struct arguments *args)
{
	struct listing l = {.out = ctl->out};
	struct store_account account;
	const char *name = NULL;
	const char *since = ctl_option(args, "since");
	bool exists = true;

	if (since != NULL &&
	    when_time(ctl->arena, since, ctl->changes.now, &l.since,
		&ctl->failure) != 0)
		return (-1);
	if (ctl_flag(args, "prune") && since != NULL)
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "--since says what is shown, --before what --prune "
		    "removes; expected one of them"));
	if (ctl_flag(args, "prune"))
		return (prune(ctl, args));
	if (ctl_option(args, "before") != NULL)
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "--before says what --prune removes; expected both"));
	if (args->n == 1) {
		exists =
		    roster_account(&ctl->changes, args->v[0], &account) == 0;
		if (!exists && ctl->failure.kind != FAILURE_UNKNOWN)
			return (-1);
		name = exists ? account.name : args->v[0];
	}
	if (ctl->as != NULL &&
	    store_changes(ctl->store, name, find_present, &l) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	l.rows = 0;
	output_changes(ctl->out, "log");
	if (store_changes(ctl->store, name, row, &l) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	if (!exists && l.rows == 0)
		return (-1);
	failure_clear(&ctl->failure);
	return (0);
}
