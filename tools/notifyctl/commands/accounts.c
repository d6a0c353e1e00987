/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accounts - notifyctl account ...
 */
#include "base/arena.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/roster.h"
#include "store/store.h"

static int add(struct ctl *, const struct arguments *);
static int transfer(struct ctl *, const struct arguments *);
static int remove_account(struct ctl *, const struct arguments *);
static int list_row(void *, const struct store_account *);

static int
add(struct ctl *ctl, const struct arguments *args)
{
	return (roster_account_add(&ctl->changes, args->v[0],
	    args->title == NULL ? "" : args->title, args->owner));
}

int
accounts_add(struct ctl *ctl, const struct arguments *args)
{
	if (args->owner == NULL)
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "an account needs its owner; expected: notifyctl account "
		    "add ACCOUNT --owner EMAIL [--title TEXT]"));
	return (ctl_write(ctl, add, args));
}

static int
list_row(void *ctx, const struct store_account *account)
{
	struct ctl *ctl = ctx;

	output_row(ctl->out);
	output_cell(ctl->out, account->name);
	output_cell(ctl->out, account->owner);
	output_cell_number(ctl->out, account->users);
	output_cell(ctl->out, account->title);
	return (0);
}

int
accounts_list(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {"account:ACCOUNT", "owner:OWNER",
	    "users:#USERS", "title:TITLE", NULL};

	(void)args;
	output_table(ctl->out, "accounts", columns);
	if (store_accounts(ctl->store, list_row, ctl) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	return (0);
}

int
accounts_show(struct ctl *ctl, const struct arguments *args)
{
	struct store_account account;

	if (roster_account(&ctl->changes, args->v[0], &account) != 0)
		return (-1);
	output_line(ctl->out, "account  %s", account.name);
	output_line(ctl->out, "title    %s", account.title);
	output_line(ctl->out, "owner    %s", account.owner);
	output_line(ctl->out, "users    %lld", (long long)account.users);
	output_line(ctl->out, "%s", "");
	output_text(ctl->out, "account", account.name);
	output_text(ctl->out, "title", account.title);
	output_text(ctl->out, "owner", account.owner);
	return (users_list(ctl, args));
}

static int
transfer(struct ctl *ctl, const struct arguments *args)
{
	return (roster_account_transfer(&ctl->changes, args->v[0], args->v[1]));
}

int
accounts_transfer(struct ctl *ctl, const struct arguments *args)
{
	return (ctl_write(ctl, transfer, args));
}

static int
remove_account(struct ctl *ctl, const struct arguments *args)
{
	return (roster_account_remove(&ctl->changes, args->v[0]));
}

int
accounts_remove(struct ctl *ctl, const struct arguments *args)
{
	return (ctl_write(ctl, remove_account, args));
}
