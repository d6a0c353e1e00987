/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tag - what the X-Notify headers of a message say
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "decision/message.h"
#include "decision/tag.h"
#include "terms/account.h"
#include "terms/category.h"
#include "terms/rfc2047.h"

/* Bytes of a tag to show in a log line. */
#define SHOWN 80

static int decode(struct arena *, const char *, char **);
static int read_category(struct arena *, const char *, struct tag *);
static int read_account(struct arena *, const char *, struct tag *);

bool
tag_present(const struct message *message)
{
	size_t i;

	for (i = 0; i < message->nheaders; i++) {
		if (strcasecmp(message->headers[i].name, TAG_HEADER) == 0)
			return (true);
	}
	return (message->more_tagged);
}

/* Decode, unfold and trim: 1, 0 if it cannot be decoded (${*text} is the value
 * itself then), -1 if out of memory. */
static int
decode(struct arena *a, const char *value, char **text)
{
	char *s, *end;
	int rc;

	rc = rfc2047_decode(a, value, text);
	if (rc == 0)
		*text = arena_strdup(a, value);
	if (rc == -1 || *text == NULL)
		return (-1);
	for (s = *text; *s != '\0'; s++) {
		if (*s == '\r' || *s == '\n' || *s == '\t')
			*s = ' ';
	}
	end = s;
	*text += strspn(*text, " ");
	while (end > *text && end[-1] == ' ')
		*--end = '\0';
	return (rc);
}

static int
read_category(struct arena *a, const char *value, struct tag *tag)
{
	char key[CATEGORY_KEY_SIZE];
	char *text;
	size_t i;
	int rc;

	rc = decode(a, value, &text);
	if (rc == -1)
		return (-1);
	if (rc == 0 || category_key(text, key) != 1) {
		tag->problem = arena_printf(
		    a, "no category can be read from '%.*s'", SHOWN, text);
		return (tag->problem == NULL ? -1 : 0);
	}
	for (i = 0; i < tag->ncategories; i++) {
		if (strcmp(tag->categories[i].key, key) == 0)
			return (0);
	}
	if (i == TAG_SPELLINGS) {
		tag->problem = "too many different categories";
		return (0);
	}
	tag->categories[i].text = text;
	tag->categories[i].key = arena_strdup(a, key);
	tag->ncategories++;
	return (tag->categories[i].key == NULL ? -1 : 0);
}

static int
read_account(struct arena *a, const char *value, struct tag *tag)
{
	char key[ACCOUNT_KEY_SIZE];
	char *text;
	int rc;

	rc = decode(a, value, &text);
	if (rc == -1)
		return (-1);
	if (rc == 0 || account_key(text, key) != 1) {
		tag->problem =
		    arena_printf(a, "unknown account '%.*s'", SHOWN, text);
		return (tag->problem == NULL ? -1 : 0);
	}
	if (tag->account != NULL && strcmp(tag->account, key) != 0) {
		tag->problem = arena_printf(
		    a, "two different accounts, %s and %s", tag->account, key);
		return (tag->problem == NULL ? -1 : 0);
	}
	if (tag->account == NULL)
		tag->account = arena_strdup(a, key);
	return (tag->account == NULL ? -1 : 0);
}

int
tag_read(struct arena *a, const struct message *message, struct tag *tag)
{
	const struct header *h;
	size_t i, bytes = 0;
	bool category;
	int rc;

	memset(tag, 0, sizeof(*tag));
	for (i = 0; i < message->nheaders && tag->problem == NULL; i++) {
		h = &message->headers[i];
		category = strcasecmp(h->name, TAG_HEADER) == 0;
		if (!category && strcasecmp(h->name, ACCOUNT_HEADER) != 0)
			continue;
		rc = 0;
		bytes += h->value == NULL ? 0 : strlen(h->value);
		if (h->value == NULL)
			tag->problem = "an X-Notify header is too long";
		else if (bytes > MESSAGE_TAGS_MAX)
			tag->problem = "the X-Notify headers are too long";
		else if (category)
			rc = read_category(a, h->value, tag);
		else
			rc = read_account(a, h->value, tag);
		if (rc != 0)
			return (-1);
	}
	if (tag->problem == NULL && message->more)
		tag->problem = "too many X-Notify headers";
	if (tag->problem == NULL && tag->ncategories == 0)
		tag->problem = "no " TAG_HEADER " header";
	return (0);
}

int
tag_category(struct arena *a, const struct tag *tag,
    const struct category *found, const char **problem)
{
	size_t i;

	*problem = NULL;
	for (i = 0; i < tag->ncategories && *problem == NULL; i++) {
		if (found[i].id == 0)
			*problem = arena_printf(a, "unknown category '%.80s'",
			    tag->categories[i].text);
		else if (found[i].id != found[0].id)
			*problem = arena_printf(a,
			    "two different categories, %s and %s",
			    found[0].slug, found[i].slug);
		else
			continue;
		return (*problem == NULL ? -1 : 0);
	}
	return (1);
}
