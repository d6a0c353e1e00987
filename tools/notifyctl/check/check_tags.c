/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_tags - the tags that Postfix adds itself
 *
 * header_checks and access maps add X-Notify headers with PREPEND for systems
 * that cannot (postfix-sample/header_checks).
 */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_tables.h"
#include "notifyctl/postfix/postconf.h"
#include "store/store.h"
#include "terms/account.h"
#include "terms/category.h"

#define PREFIX "X-Notify-"
#define ONCE "smtpd_data_restrictions"
#define TOO_LATE "smtpd_end_of_data_restrictions"

/* A header that ${setting} adds by ${map}. */
struct check_tag {
	struct check_tag *next;
	const char *setting, *map, *name, *value;
};

static bool
is_known(const struct check_tag *tag)
{
	return (strcasecmp(tag->name, PREFIX "Category") == 0 ||
	    strcasecmp(tag->name, PREFIX "Account") == 0);
}

/* The headers in the action PREPEND, if ${line} has some of ours. */
static void
read_line(struct check *c, const struct check_table *t, const char *line)
{
	static const char action[] = "PREPEND";
	struct check_tag *tag;
	const char *s, *colon, *end;

	if (postconf_runs(t->service, "cleanup") &&
	    strcmp(t->name, "header_checks") != 0)
		return;
	for (s = line; (s = strcasestr(s, action)) != NULL;) {
		s += sizeof(action) - 1;
		s += strspn(s, " \t");
		colon = strchr(s, ':');
		if (strncasecmp(s, PREFIX, sizeof(PREFIX) - 1) != 0 ||
		    colon == NULL)
			continue;
		tag = arena_alloc(c->arena, sizeof(*tag));
		tag->setting = t->name;
		tag->map = t->map;
		tag->name = arena_strndup(c->arena, s, (size_t)(colon - s));
		s = colon + 1;
		s += strspn(s, " \t");
		end = s + strcspn(s, "}\r\n");
		while (end > s && isspace((unsigned char)end[-1]))
			end--;
		tag->value = arena_strndup(c->arena, s, (size_t)(end - s));
		tag->next = c->tags;
		c->tags = tag;
	}
}

void
check_tags_read(struct check *c)
{
	check_tables(c, read_line);
}

/* Is there what the tag names? 1, 0, or -1 if the lookup failed. */
static int
exists(struct check *c, const struct check_tag *tag)
{
	char category[CATEGORY_KEY_SIZE], account[ACCOUNT_KEY_SIZE];
	struct store_account a;
	struct category found;

	if (strcasecmp(tag->name, PREFIX "Category") == 0)
		return (category_key(tag->value, category) == 1
			? store_category(c->store, category, &found)
			: 0);
	return (account_key(tag->value, account) == 1
		? store_account(c->store, c->arena, account, &a)
		: 0);
}

/* Does ${setting} add the header when it is to be added? */
static void
check_moment(struct check *c, const struct check_tag *tag, const char *where)
{
	if (strcmp(tag->setting, TOO_LATE) == 0)
		check_found(c, CHECK_ERROR, CHECK_DO,
		    check_text(c, "%s adds %s too late", where, tag->name),
		    "Postfix ignores it there: the message goes to its "
		    "original recipients",
		    "name that table in " ONCE);
	else if (strcmp(tag->setting, ONCE) != 0 &&
	    strcmp(tag->setting, "header_checks") != 0)
		check_found(c, CHECK_WARNING, CHECK_DO,
		    check_text(c, "%s adds %s once for each recipient", where,
			tag->name),
		    "a message with 1,000 recipients is held for its headers",
		    "name that table in " ONCE);
}

static void
check_tag(struct check *c, const struct check_tag *tag)
{
	const char *where = check_text(c, "%s of %s", tag->map, tag->setting);

	check_moment(c, tag, where);
	if (!is_known(tag))
		check_found(c, CHECK_WARNING, CHECK_DO,
		    check_text(c, "%s adds %s", where, tag->name),
		    "the milter knows no such header: that mail has no tag by "
		    "it",
		    check_text(c,
			"write " PREFIX "Category or " PREFIX "Account in %s",
			tag->map));
	/* What a pattern has matched is known with the message only. */
	else if (strchr(tag->value, '$') == NULL && exists(c, tag) == 0)
		check_found(c, CHECK_ERROR, CHECK_DO,
		    check_text(c, "%s adds \"%s: %s\", which does not exist",
			where, tag->name, tag->value),
		    "that mail is held, or what bad_tag says",
		    check_text(c,
			"correct it in %s, or add what it names with notifyctl",
			tag->map));
}

void
check_tags(struct check *c)
{
	const struct check_tag *tag;

	for (tag = c->tags; tag != NULL; tag = tag->next)
		check_tag(c, tag);
}
