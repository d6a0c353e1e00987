/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * categories - notifyctl category ...
 */
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/roster.h"
#include "store/store.h"
#include "terms/category.h"

static int add(struct ctl *, const struct arguments *);
static int list_row(void *, const struct category *);

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

int
categories_list(struct ctl *ctl, const struct arguments *args)
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
	return (roster_category_add(&ctl->changes, args->v[0], args->title,
	    args->subscriber, args->telegram));
}

int
categories_add(struct ctl *ctl, const struct arguments *args)
{
	if (args->title == NULL)
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "a category needs a title; expected: notifyctl category "
		    "add SLUG --title TEXT [--subscriber] [--telegram]"));
	return (ctl_write(ctl, add, args));
}
