/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record - notifyctl log
 */
#include <string.h>

#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/roster.h"
#include "store/store.h"

struct listing {
	struct output *out;
	size_t rows;
	size_t before; /* so many are of former accounts of that name */
};

static int log_changes(struct ctl *, const struct arguments *);
static int find_present(void *, const struct store_change *);
static int row(void *, const struct store_change *);

const struct ctl_command record_commands[] = {
    {"log", "[ACCOUNT]", "who changed what", 0, 1, CTL_READ,
	.run = log_changes},
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

	if (++l->rows > l->before)
		output_changes_row(l->out, c);
	return (0);
}

/* An unknown account may be a removed one, whose changes are in the log. */
static int
log_changes(struct ctl *ctl, const struct arguments *args)
{
	struct listing l = {.out = ctl->out};
	struct store_account account;
	const char *name = NULL;
	bool exists = true;

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
