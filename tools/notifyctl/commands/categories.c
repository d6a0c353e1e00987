/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * categories - notifyctl category ...
 */
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/roster.h"
#include "store/store.h"
#include "terms/category.h"

static int list(struct ctl *, const struct arguments *);
static int list_row(void *, const struct category *);
static int add(struct ctl *, const struct arguments *);

static const struct ctl_option add_options[] = {
    {.name = "title", .value = "TEXT", .required = "a category needs a title"},
    {.name = "subscriber"},
    {.name = "telegram"},
    {.name = NULL},
};

const struct ctl_command categories_commands[] = {
    {"category list", "", "all categories", 0, 0, CTL_READ, .run = list},
    {"category add", "SLUG",
	"create a category: open to Subscribers, mirrored to Telegram", 1, 1,
	CTL_CHANGE, .run = add, .options = add_options},
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
	return (0);
}

static int
list(struct ctl *ctl, const struct arguments *args)
{
	static const char *const columns[] = {"slug:CATEGORY", "title:TITLE",
	    "subscriber:?SUBSCRIBER", "telegram:?TELEGRAM", NULL};

	(void)args;
	output_table(ctl->out, "categories", columns);
	if (store_categories(ctl->store, list_row, ctl) == -1)
		return (store_failed(ctl->store, &ctl->failure));
	return (0);
}

static int
add(struct ctl *ctl, const struct arguments *args)
{
	return (roster_category_add(&ctl->changes, args->v[0],
	    ctl_option(args, "title"), ctl_flag(args, "subscriber"),
	    ctl_flag(args, "telegram")));
}
