/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * categories - notifyctl category ...
 */
#include <string.h>

#include "base/escape.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/roster.h"
#include "store/store.h"
#include "terms/category.h"

static int list(struct ctl *, const struct arguments *);
static int list_row(void *, const struct category *);
static int add(struct ctl *, const struct arguments *);
static int read_flag(struct ctl *, const struct arguments *, const char *,
    bool *, const bool **);
static void tell_nobody(struct ctl *, const struct arguments *);
static int set(struct ctl *, const struct arguments *);
static int remove_category(struct ctl *, const struct arguments *);

static const struct ctl_option add_options[] = {
    {.name = "title", .value = "TEXT", .required = "a category needs a title"},
    {.name = "description", .value = "TEXT"},
    {.name = "subscriber"},
    {.name = "telegram"},
    {.name = NULL},
};

static const struct ctl_option set_options[] = {
    {.name = "title", .value = "TEXT"},
    {.name = "description", .value = "TEXT"},
    {.name = "subscriber", .value = "yes|no"},
    {.name = "telegram", .value = "yes|no"},
    {.name = "yes"},
    {.name = "tell"},
    {.name = NULL},
};

static const struct ctl_option remove_options[] = {
    {.name = "yes"}, {.name = "tell"}, {.name = NULL}};

const struct ctl_command categories_commands[] = {
    {"category list", "", "all categories", 0, 0, CTL_READ, .run = list},
    {"category add", "SLUG",
	"create a category: open to Subscribers, mirrored to Telegram", 1, 1,
	CTL_CHANGE, .run = add, .options = add_options},
    {"category set", "SLUG",
	"change a category; --yes if that touches users or chats", 1, 1,
	CTL_CHANGE, .run = set, .options = set_options},
    {"category remove", "SLUG",
	"remove one that \"category add\" made, with its subscriptions", 1, 1,
	CTL_CHANGE, .run = remove_category, .options = remove_options},
    {.name = NULL},
};

static int
list_row(void *ctx, const struct category *category)
{
	struct ctl *ctl = ctx;

	output_row(ctl->out);
	output_cell(ctl->out, category->slug);
	output_cell(ctl->out, category->title);
	output_cell_flag(ctl->out, category->open);
	output_cell_flag(ctl->out, category->mirrored);
	output_cell(ctl->out, category->description);
	return (0);
}

static int
list(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {"slug:CATEGORY", "title:TITLE",
	    "subscriber:?SUBSCRIBER", "telegram:?TELEGRAM",
	    "description:WHAT FALLS IN IT", NULL};

	(void)args;
	output_table(ctl->out, "categories", columns);
	if (store_categories(ctl->store, list_row, ctl) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	return (0);
}

static int
add(struct ctl *ctl, const struct arguments *args)
{
	const char *description = ctl_option(args, "description");

	return (roster_category_add(&ctl->changes, args->v[0],
	    ctl_option(args, "title"), description == NULL ? "" : description,
	    ctl_flag(args, "subscriber"), ctl_flag(args, "telegram")));
}

/* ${*given}: the option's value, in ${value}; NULL if it was not given. */
static int
read_flag(struct ctl *ctl, const struct arguments *args, const char *name,
    bool *value, const bool **given)
{
	const char *text = ctl_option(args, name);

	*given = text == NULL ? NULL : value;
	if (text == NULL)
		return (0);
	*value = strcmp(text, "yes") == 0;
	if (*value || strcmp(text, "no") == 0)
		return (0);
	return (failure_set(&ctl->failure, FAILURE_DATA,
	    "--%s \"%s\"; expected yes or no", name,
	    escape_short(ctl->arena, text)));
}

/* These tell nobody, unless they are asked to. */
static void
tell_nobody(struct ctl *ctl, const struct arguments *args)
{
	if (!ctl_flag(args, "tell"))
		ctl->changes.tell.who = TELL_NOTHING;
}

static int
set(struct ctl *ctl, const struct arguments *args)
{
	struct category_edit edit = {.title = ctl_option(args, "title"),
	    .description = ctl_option(args, "description")};
	bool open, mirrored;

	if (read_flag(ctl, args, "subscriber", &open, &edit.open) != 0 ||
	    read_flag(ctl, args, "telegram", &mirrored, &edit.mirrored) != 0)
		return (-1);
	if (edit.title == NULL && edit.description == NULL &&
	    edit.open == NULL && edit.mirrored == NULL)
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "\"category set\" changes nothing without an option; "
		    "expected --title, --description, --subscriber or "
		    "--telegram"));
	tell_nobody(ctl, args);
	return (roster_category_set(
	    &ctl->changes, args->v[0], &edit, ctl_flag(args, "yes")));
}

static int
remove_category(struct ctl *ctl, const struct arguments *args)
{
	tell_nobody(ctl, args);
	return (roster_category_remove(
	    &ctl->changes, args->v[0], ctl_flag(args, "yes")));
}
