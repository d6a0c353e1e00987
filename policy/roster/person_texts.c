/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * person_texts - the operator's own texts that name somebody
 */
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "roster/membership.h"
#include "roster/person.h"
#include "roster/person_texts.h"
#include "roster/roster_private.h"
#include "store/store_edit.h"
#include "terms/category.h"

static int names(const struct person *, const char *);
static int take_title(void *, const struct store_account *);
static int take_category(void *, const struct category *);

/* Does ${text} have the person's address? 1, 0, or -1 if out of memory. */
static int
names(const struct person *p, const char *text)
{
	const char *other;

	if (strchr(text, '@') == NULL)
		return (0);
	other = person_replace(p->changes->arena, &p->address, text, "");
	return (other == NULL ? -1 : other != text);
}

static int
take_title(void *ctx, const struct store_account *account)
{
	struct person *p = ctx;
	int found = names(p, account->title);

	if (found != 1)
		return (found);
	p->titles = arena_grow(p->changes->arena, p->titles, p->ntitles,
	    &p->titles_cap, sizeof(*p->titles));
	if (p->titles == NULL)
		return (-1);
	return (store_account_copy(
	    p->changes->arena, account, &p->titles[p->ntitles++]));
}

static int
take_category(void *ctx, const struct category *category)
{
	struct person *p = ctx;
	int found = names(p, category->title);

	if (found == 0)
		found = names(p, category->description);
	if (found != 1)
		return (found);
	p->categories = arena_grow(p->changes->arena, p->categories,
	    p->ncategories, &p->categories_cap, sizeof(*p->categories));
	if (p->categories == NULL)
		return (-1);
	p->categories[p->ncategories++] = *category;
	return (0);
}

int
person_texts_find(struct person *p)
{
	struct store *s = p->changes->store;

	if (store_titles(s, take_title, p) == -1 ||
	    store_categories(s, take_category, p) == -1)
		return (store_failed(s, p->changes->failure));
	return (0);
}

int
person_texts_reword(struct person *p, const char *alias)
{
	struct changes *c = p->changes;
	const struct store_account *account;
	const char *title;
	size_t i;

	for (i = 0; i < p->ntitles; i++) {
		account = &p->titles[i];
		title = person_replace(
		    c->arena, &p->address, account->title, alias);
		if (title == NULL)
			return (failure_memory(c->failure));
		if (store_account_set_title(c->store, account->id, title) == -1)
			return (store_failed(c->store, c->failure));
		if (membership_record(c, account->name, "account-title",
			account->name, title) != 0)
			return (-1);
	}
	for (i = 0; i < p->ncategories; i++)
		roster_remark(c,
		    "category %s has the address in its title or description; "
		    "\"notifyctl category set %s\" changes that",
		    p->categories[i].slug, p->categories[i].slug);
	return (0);
}
