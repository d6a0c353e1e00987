/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * import_record - rows of an import as records that sort
 *
 * A record has the account's key, its rank, the address's key and the number of
 * the row, then the rest of the row. Before the first row of an account, and
 * again where its rows resume, there is a head with the account's spelling. So
 * all rows of an account sort together, the owner first, the others in the
 * order in which the roster lists its users.
 */
#include <endian.h>
#include <string.h>

#include "base/arena.h"
#include "base/failure.h"
#include "base/sorter.h"
#include "roster/import_private.h"
#include "roster/membership.h"
#include "terms/address.h"

static char *put_text(char *, const char *);
static char *put_number(char *, uint64_t);
static const char *get_text(const char **);
static uint64_t get_number(const char **);
static int get_categories(struct import *, const char **);

static char *
put_text(char *out, const char *text)
{
	return (stpcpy(out, text) + 1);
}

/* Big endian, so that numbers sort. */
static char *
put_number(char *out, uint64_t number)
{
	number = htobe64(number);
	return (mempcpy(out, &number, sizeof(number)));
}

int
import_put_head(
    struct import *im, size_t number, const char *key, const char *account)
{
	char record[2 * ACCOUNT_KEY_SIZE + 1 + sizeof(uint64_t)];
	char *out = record;

	if (strcmp(im->account_key, key) == 0)
		return (0);
	strcpy(im->account_key, key);
	out = put_text(out, key);
	*out++ = IMPORT_HEAD;
	out = put_number(out, number);
	out = put_text(out, account);
	return (sorter_add(im->sorter, record, (size_t)(out - record)));
}

int
import_put(struct import *im, const char *key, const struct import_line *line,
    const uint32_t *categories)
{
	size_t n = line->ncategories;
	char *record, *out;

	out = record = arena_alloc(im->line,
	    strlen(key) + strlen(line->key) + strlen(line->wire) +
		strlen(line->language) + 9 + (n + 2) * sizeof(uint64_t));
	if (record == NULL)
		return (failure_memory(im->changes->failure));
	out = put_text(out, key);
	*out++ = (char)line->rank;
	out = put_text(out, line->key);
	out = put_number(out, line->number);
	*out++ = (char)line->has_role;
	*out++ = (char)line->role;
	*out++ = (char)line->has_categories;
	*out++ = (char)line->has_language;
	out = put_text(out, line->wire);
	out = put_text(out, line->language);
	out = put_number(out, n);
	if (n > 0)
		out = mempcpy(out, categories, n * sizeof(*categories));
	return (sorter_add(im->sorter, record, (size_t)(out - record)));
}

static const char *
get_text(const char **at)
{
	const char *text = *at;

	*at += strlen(text) + 1;
	return (text);
}

static uint64_t
get_number(const char **at)
{
	uint64_t number;

	memcpy(&number, *at, sizeof(number));
	*at += sizeof(number);
	return (be64toh(number));
}

static int
get_categories(struct import *im, const char **at)
{
	struct import_line *line = &im->next;
	uint32_t which;
	size_t i;

	line->ncategories = get_number(at);
	for (i = 0; i < line->ncategories; i++) {
		im->listed = arena_grow(im->kept, im->listed, i,
		    &im->listed_cap, sizeof(*im->listed));
		if (im->listed == NULL)
			return (failure_memory(im->changes->failure));
		memcpy(&which, *at, sizeof(which));
		*at += sizeof(which);
		im->listed[i] = im->categories[which];
	}
	line->categories = im->listed;
	return (0);
}

int
import_next(struct import *im)
{
	struct import_line *line = &im->next;
	const char *at;
	const void *found;
	size_t len;
	int rc;

	rc = sorter_next(im->sorter, &found, &len);
	im->more = rc == 1;
	if (rc != 1)
		return (rc);
	memset(line, 0, sizeof(*line));
	at = found;
	line->account_key = get_text(&at);
	line->rank = (enum import_rank)(*at++);
	if (line->rank == IMPORT_HEAD) {
		line->number = get_number(&at);
		line->account = get_text(&at);
		return (0);
	}
	import_progress(im, im->done++, im->n);
	line->key = get_text(&at);
	line->number = get_number(&at);
	line->has_role = *at++ != 0;
	line->role = (enum role)(*at++);
	line->has_categories = *at++ != 0;
	line->has_language = *at++ != 0;
	line->wire = get_text(&at);
	line->language = get_text(&at);
	return (get_categories(im, &at));
}
