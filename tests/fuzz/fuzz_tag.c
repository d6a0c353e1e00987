/*
 * fuzz_tag - any X-Notify headers, and any name of a category
 *
 * Each line of the input is a header: "Name: value", a "\" for a fold.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "account.h"
#include "arena.h"
#include "category.h"
#include "fuzz.h"
#include "message.h"
#include "tag.h"

#define HEADERS_MAX 16

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void check_key(const char *);
static size_t read_headers(struct cursor *, struct header *, char **);

/* A key is a spelling of itself, and says nothing about case. */
static void
check_key(const char *name)
{
	char key[CATEGORY_KEY_SIZE], again[CATEGORY_KEY_SIZE];
	char upper[CATEGORY_TITLE_SIZE];
	size_t i;

	if (category_key(name, key) != 1)
		return;
	MUST(*key != '\0' && strlen(key) < CATEGORY_KEY_SIZE);
	MUST(key[0] != '-' && key[strlen(key) - 1] != '-');
	MUST(strpbrk(key, " _&") == NULL && strstr(key, "--") == NULL);
	if (strlen(key) < CATEGORY_TITLE_SIZE)
		MUST(category_key(key, again) == 1 && strcmp(key, again) == 0);
	if (strlen(name) >= sizeof(upper))
		return;
	for (i = 0; name[i] != '\0'; i++)
		upper[i] =
		    name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i];
	upper[i] = '\0';
	MUST(category_key(upper, again) == 1 && strcmp(key, again) == 0);
}

static size_t
read_headers(struct cursor *c, struct header *headers, char **texts)
{
	char *colon, *s;
	size_t n;

	for (n = 0; n < HEADERS_MAX && c->left > 0; n++) {
		texts[n] = fuzz_text(c);
		for (s = texts[n]; *s != '\0'; s++)
			*s = *s == '\\' ? '\n' : *s;
		colon = strchr(texts[n], ':');
		headers[n].name = colon == NULL ? TAG_HEADER : texts[n];
		headers[n].value = colon == NULL ? texts[n] : colon + 1;
		headers[n].index = 1;
		if (colon != NULL)
			*colon = '\0';
	}
	return (n);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	tag_start();
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = {data, size};
	struct header headers[HEADERS_MAX];
	char *texts[HEADERS_MAX], key[ACCOUNT_KEY_SIZE];
	struct arena *a;
	struct tag tag;
	size_t i, j, n, named;

	a = arena_new((size_t)8 << 20);
	MUST(a != NULL);
	n = read_headers(&c, headers, texts);
	MUST(tag_read(a, headers, n, &tag) == 0);
	MUST(tag.present == tag_present(headers, n));
	for (i = named = 0; i < n; i++)
		named += strcasecmp(headers[i].name, TAG_HEADER) == 0;
	MUST(tag.present == (named > 0));
	/* What can be understood has a category, and each only once. */
	MUST(!tag.present || tag.problem != NULL || tag.ncategories > 0);
	MUST(tag.ncategories <= TAG_SPELLINGS);
	for (i = 0; i < tag.ncategories; i++) {
		check_key(tag.categories[i].text);
		for (j = 0; j < i; j++)
			MUST(strcmp(tag.categories[i].key,
				 tag.categories[j].key) != 0);
	}
	if (tag.problem == NULL && tag.account != NULL)
		MUST(account_key(tag.account, key) == 1 &&
		    strcmp(key, tag.account) == 0);
	for (i = 0; i < n; i++) {
		check_key(headers[i].value);
		free(texts[i]);
	}
	arena_free(a);
	return (0);
}
