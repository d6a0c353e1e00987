/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * accounts - notifyctl account ...
 */
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/roster.h"
#include "store/store.h"
#include "store/store_edit.h"

static int add(struct ctl *, const struct arguments *);
static int list(struct ctl *, const struct arguments *);
static int list_row(void *, const struct store_account *);
static int show(struct ctl *, const struct arguments *);
static int former(void *, const struct store_former *);
static int rename_account(struct ctl *, const struct arguments *);
static int title(struct ctl *, const struct arguments *);
static int transfer(struct ctl *, const struct arguments *);
static int remove_account(struct ctl *, const struct arguments *);

static const struct ctl_option add_options[] = {
    {.name = "owner",
	.value = "EMAIL",
	.required = "an account needs its owner"},
    {.name = "title", .value = "TEXT"},
    {.name = NULL},
};

static const struct ctl_option rename_options[] = {
    {.name = "forget-former"}, {.name = NULL}};

const struct ctl_command accounts_commands[] = {
    {"account add", "ACCOUNT", "create an account with its owner", 1, 1,
	CTL_CHANGE, .run = add, .options = add_options},
    {"account list", "", "all accounts", 0, 0, CTL_READ, .run = list},
    {"account show", "ACCOUNT", "one account and its users", 1, 1, CTL_READ,
	.run = show},
    {"account rename", "ACCOUNT [NEW]",
	"give it another name; the former one goes on being understood", 1, 2,
	CTL_CHANGE, .run = rename_account, .options = rename_options},
    {"account title", "ACCOUNT TEXT", "give it another title", 2, 2, CTL_CHANGE,
	.run = title},
    {"account transfer", "ACCOUNT EMAIL", "make another user the owner", 2, 2,
	CTL_CHANGE, .run = transfer},
    {"account remove", "ACCOUNT", "remove an account with all its users", 1, 1,
	CTL_CHANGE, .run = remove_account},
    {.name = NULL},
};

static int
add(struct ctl *ctl, const struct arguments *args)
{
	const char *title = ctl_option(args, "title");

	return (roster_account_add(&ctl->changes, args->v[0],
	    title == NULL ? "" : title, ctl_option(args, "owner")));
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

static int
list(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {"account:ACCOUNT", "owner:OWNER",
	    "users:#USERS", "title:TITLE", NULL};

	(void)args;
	output_table(ctl->out, "accounts", columns);
	if (store_accounts(ctl->store, list_row, ctl) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	return (0);
}

static int
show(struct ctl *ctl, const struct arguments *args)
{
	static const char *const former_columns[] = {
	    "account:FORMER NAME", NULL};
	struct store_account account;

	if (roster_account(&ctl->changes, args->v[0], &account) != 0)
		return (-1);
	output_line(ctl->out, "account  %s", account.name);
	output_line(ctl->out, "title    %s", account.title);
	if (ctl->oneself == NULL) {
		output_line(ctl->out, "owner    %s", account.owner);
		output_line(
		    ctl->out, "users    %lld", (long long)account.users);
	}
	output_line(ctl->out, "%s", "");
	output_text(ctl->out, "account", account.name);
	output_text(ctl->out, "title", account.title);
	if (ctl->oneself == NULL)
		output_text(ctl->out, "owner", account.owner);
	output_table(ctl->out, "former", former_columns);
	if (store_formers(ctl->store, account.id, former, ctl) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	return (users_list(ctl, args));
}

static int
former(void *ctx, const struct store_former *f)
{
	struct ctl *ctl = ctx;

	output_row(ctl->out);
	output_cell(ctl->out, f->name);
	return (0);
}

static int
rename_account(struct ctl *ctl, const struct arguments *args)
{
	bool forget = ctl_flag(args, "forget-former");

	if (forget == (args->n == 2))
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "\"account rename\" needs one thing to do; expected the new "
		    "name, or --forget-former"));
	if (forget)
		return (
		    roster_account_forget_former(&ctl->changes, args->v[0]));
	return (roster_account_rename(&ctl->changes, args->v[0], args->v[1]));
}

static int
title(struct ctl *ctl, const struct arguments *args)
{
	return (roster_account_title(&ctl->changes, args->v[0], args->v[1]));
}

static int
transfer(struct ctl *ctl, const struct arguments *args)
{
	return (roster_account_transfer(&ctl->changes, args->v[0], args->v[1]));
}

static int
remove_account(struct ctl *ctl, const struct arguments *args)
{
	return (roster_account_remove(&ctl->changes, args->v[0]));
}
