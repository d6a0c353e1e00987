/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * users - notifyctl user ...
 */
#include <string.h>

#include "base/arena.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/roster.h"
#include "store/store.h"

/* Has a user linked a chat? */
struct chat {
	const char *address;
	bool linked;
};

/* The users of an account, with their categories. */
struct listing {
	struct ctl *ctl;
	const char *address; /* of the user whose rows these are */
	enum role role;
	char *categories; /* joined by commas */
	/* Of all users, in the order of the rows; ${next} is the next one's. */
	struct chat *chats;
	size_t nchats, chats_cap, next;
};

static int add(struct ctl *, const struct arguments *);
static int set_role(struct ctl *, const struct arguments *);
static int set_address(struct ctl *, const struct arguments *);
static int set_language(struct ctl *, const struct arguments *);
static int remove_user(struct ctl *, const struct arguments *);
static int take_chat(void *, const struct store_user *);
static bool has_chat(struct listing *);
static int list_row(void *, const struct store_export *);
static void finish_user(struct listing *);

static const struct ctl_option add_options[] = {
    {.name = "role", .value = "ROLE"}, {.name = NULL}};

const struct ctl_command users_commands[] = {
    {"user add", "ACCOUNT EMAIL...",
	"add users: user-admin, member (default) or subscriber", 2, CTL_MANY,
	CTL_CHANGE, .run = add, .options = add_options},
    {"user list", "ACCOUNT",
	"the users, their categories, and who has linked a chat", 1, 1,
	CTL_READ, .run = users_list},
    {"user role", "ACCOUNT EMAIL ROLE", "change the role of a user", 3, 3,
	CTL_CHANGE, .run = set_role},
    {"user address", "ACCOUNT EMAIL NEW", "change the address of a user", 3, 3,
	CTL_CHANGE, .run = set_address},
    {"user language", "ACCOUNT EMAIL LANG",
	"the language of what is sent to a user; \"\" for the usual one", 3, 3,
	CTL_CHANGE, .run = set_language},
    {"user remove", "ACCOUNT EMAIL", "remove a user", 2, 2, CTL_CHANGE,
	.run = remove_user},
    {.name = NULL},
};

static int
add(struct ctl *ctl, const struct arguments *args)
{
	const char *role = ctl_option(args, "role");

	return (roster_user_add(&ctl->changes, args->v[0], args->v + 1,
	    args->n - 1, role == NULL ? "member" : role));
}

static int
take_chat(void *ctx, const struct store_user *user)
{
	struct listing *l = ctx;
	struct arena *a = l->ctl->arena;
	struct chat *chat;

	l->chats = arena_grow(
	    a, l->chats, l->nchats, &l->chats_cap, sizeof(*l->chats));
	chat = &l->chats[l->nchats++];
	chat->address = arena_strdup(a, user->address);
	chat->linked = user->link != 0;
	return (0);
}

static bool
has_chat(struct listing *l)
{
	while (l->next < l->nchats &&
	    strcmp(l->chats[l->next].address, l->address) != 0)
		l->next++;
	return (l->next < l->nchats && l->chats[l->next].linked);
}

static void
finish_user(struct listing *l)
{
	struct output *out = l->ctl->out;

	if (l->address == NULL)
		return;
	output_row(out);
	output_cell(out, l->address);
	output_cell(out, role_name(l->role));
	output_cell(out, l->role == ROLE_OWNER ? "all" : l->categories);
	output_cell_flag(out, has_chat(l));
}

static int
list_row(void *ctx, const struct store_export *row)
{
	struct listing *l = ctx;
	struct arena *a = l->ctl->arena;

	if (!ctl_shows(l->ctl, row->address))
		return (0);
	if (l->address == NULL || strcmp(l->address, row->address) != 0) {
		finish_user(l);
		l->address = arena_strdup(a, row->address);
		l->role = row->role;
		l->categories = arena_strdup(a, row->category);
	} else {
		l->categories =
		    arena_printf(a, "%s,%s", l->categories, row->category);
	}
	return (0);
}

int
users_list(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {"address:ADDRESS", "role:ROLE",
	    "categories:+CATEGORIES", "telegram:?TELEGRAM", NULL};
	struct listing l = {.ctl = ctl};
	struct store_account account;

	if (roster_account(&ctl->changes, args->v[0], &account) != 0)
		return (-1);
	output_table(ctl->out, "users", columns);
	if (store_users(ctl->store, account.id, 0, take_chat, &l) == -1 ||
	    store_export(ctl->store, account.id, list_row, &l) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	finish_user(&l);
	return (0);
}

static int
set_role(struct ctl *ctl, const struct arguments *args)
{
	return (roster_user_role(
	    &ctl->changes, args->v[0], args->v[1], args->v[2]));
}

static int
set_address(struct ctl *ctl, const struct arguments *args)
{
	return (roster_user_address(
	    &ctl->changes, args->v[0], args->v[1], args->v[2]));
}

static int
set_language(struct ctl *ctl, const struct arguments *args)
{
	return (roster_user_language(
	    &ctl->changes, args->v[0], args->v[1], args->v[2]));
}

static int
remove_user(struct ctl *ctl, const struct arguments *args)
{
	return (roster_user_remove(&ctl->changes, args->v[0], args->v[1]));
}
