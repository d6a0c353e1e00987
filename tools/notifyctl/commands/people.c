/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * people - notifyctl person ...
 */
#include "base/arena.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/person.h"
#include "settings/settings.h"
#include "terms/category.h"

#define NOT_REACHED                                                            \
	"what is not reached: backups, the mail log, queued mail, and the "    \
	"file that import reads"

static int show_users(struct ctl *, const struct person *);
static void show_links(struct ctl *, const struct person *);
static void show_titles(struct ctl *, const struct person *);
static void show_texts(struct ctl *, const struct person *);
static int show(struct ctl *, const struct arguments *);
static int forget(struct ctl *, const struct arguments *);

const struct ctl_command people_commands[] = {
    {"person show", "EMAIL", "all that is held about somebody", 1, 1, CTL_READ,
	.run = show},
    {"person forget", "EMAIL",
	"remove somebody from every account, and the address from every row", 1,
	1, CTL_CHANGE, .run = forget},
    {.name = NULL},
};

static int
show_users(struct ctl *ctl, const struct person *p)
{
	static const char *const columns[] = {"account:ACCOUNT", "role:ROLE",
	    "language:LANGUAGE", "chat:CHAT", "categories:+CATEGORIES", NULL};
	const struct store_user *u;
	struct subscriptions s;
	const char *joined;
	size_t i;

	output_table(ctl->out, "accounts", columns);
	for (u = p->users; u < p->users + p->nusers; u++) {
		if (membership_subscriptions(&ctl->changes, u->id, &s) != 0)
			return (-1);
		joined = u->role == ROLE_OWNER ? "all" : "";
		for (i = 0; i < s.n && u->role != ROLE_OWNER; i++)
			joined = arena_printf(ctl->arena, "%s%s%s", joined,
			    i == 0 ? "" : ",", s.v[i].slug);
		output_row(ctl->out);
		output_cell(ctl->out, u->account_name);
		output_cell(ctl->out, role_name(u->role));
		output_cell(ctl->out, u->language);
		output_cell(ctl->out,
		    u->link == 0
			? ""
			: arena_printf(ctl->arena, "%lld", (long long)u->chat));
		output_cell(ctl->out, joined);
	}
	return (0);
}

static void
show_links(struct ctl *ctl, const struct person *p)
{
	static const char *const tokens[] = {
	    "account:CONNECT LINK FOR", "by:MADE BY", "expires:EXPIRES", NULL};
	static const char *const requests[] = {
	    "at:ASKED FOR A LINK", "chat:#IN CHAT", "sent:?SENT", NULL};
	size_t i;

	output_table(ctl->out, "tokens", tokens);
	for (i = 0; i < p->ntokens; i++) {
		output_row(ctl->out);
		output_cell(ctl->out, p->tokens[i].account);
		output_cell(ctl->out, p->tokens[i].origin);
		output_cell_when(ctl->out, p->tokens[i].expires);
	}
	output_table(ctl->out, "requests", requests);
	for (i = 0; i < p->nrequests; i++) {
		output_row(ctl->out);
		output_cell_when(ctl->out, p->requests[i].at);
		output_cell_number(ctl->out, p->requests[i].chat);
		output_cell_flag(ctl->out, p->requests[i].sent);
	}
}

static void
show_titles(struct ctl *ctl, const struct person *p)
{
	static const char *const titles[] = {
	    "account:TITLE OF ACCOUNT", "title:TITLE", NULL};
	static const char *const categories[] = {"category:WORDS OF CATEGORY",
	    "title:TITLE", "description:DESCRIPTION", NULL};
	size_t i;

	output_table(ctl->out, "titles", titles);
	for (i = 0; i < p->ntitles; i++) {
		output_row(ctl->out);
		output_cell(ctl->out, p->titles[i].name);
		output_cell(ctl->out, p->titles[i].title);
	}
	output_table(ctl->out, "categories", categories);
	for (i = 0; i < p->ncategories; i++) {
		output_row(ctl->out);
		output_cell(ctl->out, p->categories[i].slug);
		output_cell(ctl->out, p->categories[i].title);
		output_cell(ctl->out, p->categories[i].description);
	}
}

static void
show_texts(struct ctl *ctl, const struct person *p)
{
	static const char *const notices[] = {"at:NOTICE", "to:TO",
	    "account:ACCOUNT", "kind:ABOUT", "detail:DETAIL", "actor:WHO",
	    "state:STATE", NULL};
	const struct store_notice *n;
	size_t i;

	output_table(ctl->out, "notices", notices);
	for (i = 0; i < p->nnotices; i++) {
		n = &p->notices[i].notice;
		output_row(ctl->out);
		output_cell_when(ctl->out, n->at);
		output_cell(ctl->out, n->address);
		output_cell(ctl->out, n->account);
		output_cell(ctl->out, n->kind);
		output_cell(ctl->out, n->detail);
		output_cell(ctl->out, n->actor);
		output_cell(ctl->out, p->notices[i].notice.state);
	}
	output_changes(ctl->out, "log");
	for (i = 0; i < p->nrecords; i++)
		output_changes_row(ctl->out, &p->records[i].change);
}

static int
show(struct ctl *ctl, const struct arguments *args)
{
	struct person p;

	if (person_find(&ctl->changes, args->v[0], &p) != 0)
		return (-1);
	output_line(ctl->out, "address  %s", p.address.wire);
	output_text(ctl->out, "address", p.address.wire);
	if (show_users(ctl, &p) != 0)
		return (-1);
	show_links(ctl, &p);
	show_titles(ctl, &p);
	show_texts(ctl, &p);
	return (0);
}

static int
forget(struct ctl *ctl, const struct arguments *args)
{
	if (person_forget(&ctl->changes, args->v[0]) != 0)
		return (-1);
	ctl->scrub = true;
	output_remark(ctl->out, NOT_REACHED);
	return (0);
}
