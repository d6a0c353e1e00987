/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * person - what the roster holds about somebody, in every account at once
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "roster/membership.h"
#include "roster/person.h"
#include "roster/person_texts.h"
#include "roster/roster_private.h"
#include "terms/account.h"

/* In the record, in place of an address. */
#define ALIAS "forgotten-%lld"
/* To read one address. */
#define READ_MEMORY ((size_t)64 << 10)

static bool part_of_address(char);
static size_t written_length(const char *);
static int read_here(const struct address *, const char *, size_t *);
static int spelled_here(const struct address *, const char *, size_t *);
static bool never_quotes(char);
static char closing_mark(const char *, const char *);
static int names_here(
    const struct address *, const char *, const char *, size_t *);
static int names(const struct person *, const char *);
static int names_any(
    const struct person *, const char *, const char *, const char *);
static void *grow(struct person *, void *, size_t, size_t *, size_t);
static int take_user(void *, const struct store_user *);
static int take_token(void *, const struct store_token *);
static int take_request(void *, const struct store_request *);
static int take_record(void *, int64_t, const struct store_change *);
static int take_notice(void *, const struct store_notice *);
static int check_no_owner(struct person *);
static int remove_users(struct person *, const char *);
static int reword_records(struct person *, const char *);
static int reword_notices(struct person *, const char *);
static int tell_person(struct person *, const char *);
static int note_addresses_before(struct person *);

/* A character that may stand in an address, on the left of the place where one
 * begins or on the right of where one ends: then it is another address. */
static bool
part_of_address(char c)
{
	return (isalnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
	    (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.@\"\\", c) != NULL));
}

/* The length of what is written as an address at ${s}, 0 if nothing is. */
static size_t
written_length(const char *s)
{
	const char *at = s, *end;

	if (*s == '"') {
		for (at++; *at != '"' && *at != '\0'; at++)
			at += *at == '\\' && at[1] != '\0';
		at += *at == '"';
	} else {
		while (*at != '@' && part_of_address(*at))
			at++;
	}
	if (*at != '@')
		return (0);
	for (end = at + 1; isalnum((unsigned char)*end) || *end == '-' ||
	     *end == '.' || (unsigned char)*end >= 0x80;
	     end++)
		;
	/* A full stop ends a sentence. */
	while (end[-1] == '.')
		end--;
	return ((size_t)(end - s));
}

/* Is the address at ${s}, in whatever letters, or quoted though it need not be?
 * strncasecmp(3) knows the letters of ASCII alone. Memory is given back at
 * once: records may be many. */
static int
read_here(const struct address *address, const char *s, size_t *len)
{
	struct address found;
	struct arena *a;
	char *copy;
	int rc;

	*len = written_length(s);
	if (*len == 0)
		return (0);
	a = arena_new(READ_MEMORY);
	copy = a == NULL ? NULL : arena_strndup(a, s, *len);
	rc = copy == NULL ? -1 : 0;
	if (rc == 0 && (address_wide(copy) || *copy == '"'))
		rc = address_read(a, copy, &found);
	if (rc == 1 && strcmp(found.key, address->key) != 0)
		rc = 0;
	arena_free(a);
	return (rc);
}

/* Is the address at ${s}, in any spelling? Then it has ${*len} bytes. 1, 0, or
 * -1 if out of memory. */
static int
spelled_here(const struct address *address, const char *s, size_t *len)
{
	const char *spellings[] = {address->wire, address->key};
	const char *end;
	size_t i;

	for (i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		*len = strlen(spellings[i]);
		if (strncasecmp(s, spellings[i], *len) != 0)
			continue;
		end = s + *len;
		/* A full stop ends a sentence. */
		if (!isalnum((unsigned char)*end) &&
		    (unsigned char)*end < 0x80 && *end != '-' &&
		    (*end != '.' || !isalnum((unsigned char)end[1])))
			return (1);
	}
	return (address_wide(address->key) || *s == '"'
		? read_here(address, s, len)
		: 0);
}

/* It is, or stands within, a local part. */
static bool
never_quotes(char c)
{
	return (isalnum((unsigned char)c) || (unsigned char)c >= 0x80 ||
	    strchr(".@\\", c) != NULL);
}

/* What has to follow what begins at ${s}, if the character before it is to be
 * a quotation mark and no part of an address; NUL if it cannot be one. */
static char
closing_mark(const char *begin, const char *s)
{
	const char *first = s - 1;
	char mark = *first;

	while (first > begin && first[-1] == mark)
		first--;
	if (never_quotes(mark) || (first > begin && never_quotes(first[-1])))
		return ('\0');
	return (mark == '{' ? '}' : mark);
}

/* The same, unless it is a part of another address. */
static int
names_here(const struct address *address, const char *begin, const char *s,
    size_t *len)
{
	char mark = '\0';
	int found;

	*len = 0;
	if (s > begin && part_of_address(s[-1])) {
		mark = closing_mark(begin, s);
		if (mark == '\0')
			return (0);
	}
	found = spelled_here(address, s, len);
	if (found == 1 && mark != '\0' &&
	    (s[*len] != mark || s[*len + 1] == '@'))
		found = 0;
	return (found);
}

const char *
person_replace(struct arena *a, const struct address *address, const char *text,
    const char *alias)
{
	size_t n = 0, len;
	const char *s;
	char *copy, *out;
	int found;

	for (s = text; *s != '\0'; s += found == 1 ? len : 1) {
		found = names_here(address, text, s, &len);
		if (found == -1)
			return (NULL);
		n += found == 1;
	}
	if (n == 0)
		return (text);
	copy = out = arena_alloc(a, strlen(text) + n * strlen(alias) + 1);
	if (copy == NULL)
		return (NULL);
	for (s = text; *s != '\0'; s += found == 1 ? len : 1) {
		found = names_here(address, text, s, &len);
		if (found == -1)
			return (NULL);
		if (found == 1)
			out = stpcpy(out, alias);
		else
			*out++ = *s;
	}
	*out = '\0';
	return (copy);
}

/* Does ${text} have the person's address? 1, 0, or -1 if out of memory. */
static int
names(const struct person *p, const char *text)
{
	const char *s;
	size_t len;
	int found = 0;

	if (strchr(text, '@') == NULL)
		return (0);
	for (s = text; *s != '\0' && found == 0; s++)
		found = names_here(&p->address, text, s, &len);
	return (found);
}

/* Likewise any of the three. */
static int
names_any(const struct person *p, const char *a, const char *b, const char *c)
{
	int found = names(p, a);

	if (found == 0)
		found = names(p, b);
	return (found == 0 ? names(p, c) : found);
}

static void *
grow(struct person *p, void *v, size_t n, size_t *cap, size_t size)
{
	return (arena_grow(p->changes->arena, v, n, cap, size));
}

static int
take_user(void *ctx, const struct store_user *u)
{
	struct person *p = ctx;

	p->users =
	    grow(p, p->users, p->nusers, &p->users_cap, sizeof(*p->users));
	if (p->users == NULL)
		return (-1);
	return (store_user_copy(p->changes->arena, u, &p->users[p->nusers++]));
}

static int
take_token(void *ctx, const struct store_token *token)
{
	struct person *p = ctx;
	struct store_token *copy;

	p->tokens =
	    grow(p, p->tokens, p->ntokens, &p->tokens_cap, sizeof(*p->tokens));
	if (p->tokens == NULL)
		return (-1);
	copy = &p->tokens[p->ntokens++];
	*copy = *token;
	return (
	    arena_keep(p->changes->arena, &copy->origin, &copy->account, NULL));
}

static int
take_request(void *ctx, const struct store_request *request)
{
	struct person *p = ctx;

	p->requests = grow(p, p->requests, p->nrequests, &p->requests_cap,
	    sizeof(*p->requests));
	if (p->requests == NULL)
		return (-1);
	p->requests[p->nrequests++] = *request;
	return (0);
}

static int
take_record(void *ctx, int64_t id, const struct store_change *c)
{
	struct person *p = ctx;
	struct store_change *copy;
	int found;

	found = names_any(p, c->actor, c->subject, c->detail);
	if (found != 1)
		return (found);
	p->records = grow(
	    p, p->records, p->nrecords, &p->records_cap, sizeof(*p->records));
	if (p->records == NULL)
		return (-1);
	p->records[p->nrecords].id = id;
	copy = &p->records[p->nrecords++].change;
	*copy = *c;
	return (arena_keep(p->changes->arena, &copy->actor, &copy->account,
	    &copy->action, &copy->subject, &copy->detail, NULL));
}

static int
take_notice(void *ctx, const struct store_notice *n)
{
	struct person *p = ctx;
	struct person_notice *copy;
	int own, found;

	own = names(p, n->address);
	found = own == 0 ? names_any(p, n->actor, n->detail, "") : own;
	if (found != 1)
		return (found);
	p->notices = grow(
	    p, p->notices, p->nnotices, &p->notices_cap, sizeof(*p->notices));
	if (p->notices == NULL)
		return (-1);
	copy = &p->notices[p->nnotices++];
	copy->notice = *n;
	copy->own = own == 1;
	return (arena_keep(p->changes->arena, &copy->notice.account,
	    &copy->notice.address, &copy->notice.kind, &copy->notice.detail,
	    &copy->notice.actor, &copy->notice.language, &copy->notice.state,
	    &copy->notice.error, NULL));
}

int
person_find(struct changes *c, const char *text, struct person *p)
{
	struct store *s = c->store;
	const char *why, *key;
	int found;

	memset(p, 0, sizeof(*p));
	p->changes = c;
	found = address_read_strict(c->arena, text, &p->address, &why);
	if (found == -1)
		return (failure_memory(c->failure));
	if (found == 0)
		return (failure_set(c->failure, FAILURE_DATA,
		    "\"%s\" is not a mail address: %s; expected a person's "
		    "address, like ann@example.com",
		    escape_short(c->arena, text), why));
	key = p->address.key;
	if (store_person_users(s, key, take_user, p) == -1 ||
	    store_person_tokens(s, key, take_token, p) == -1 ||
	    store_person_requests(s, key, take_request, p) == -1 ||
	    store_changes_all(s, take_record, p) == -1 ||
	    store_notices_all(s, take_notice, p) == -1)
		return (store_failed(s, c->failure));
	if (person_texts_find(p) != 0)
		return (-1);
	if (p->nusers + p->nrequests + p->nrecords + p->nnotices + p->ntitles +
		p->ncategories ==
	    0)
		return (failure_set(c->failure, FAILURE_UNKNOWN,
		    "nothing is held about %s; expected the address of a "
		    "person who is, or was, a user",
		    p->address.wire));
	return (0);
}

/* Name every account that needs another owner first. */
static int
check_no_owner(struct person *p)
{
	struct arena *a = p->changes->arena;
	const char *accounts = "", *first = NULL;
	size_t i;

	for (i = 0; i < p->nusers && accounts != NULL; i++) {
		if (p->users[i].role != ROLE_OWNER)
			continue;
		accounts = arena_concat(a, accounts, first == NULL ? "" : ", ",
		    p->users[i].account_name, NULL);
		if (first == NULL)
			first = p->users[i].account_name;
	}
	if (accounts == NULL)
		return (failure_memory(p->changes->failure));
	if (first == NULL)
		return (0);
	return (failure_set(p->changes->failure, FAILURE_DENIED,
	    "%s is the owner of %s; expected \"notifyctl account transfer %s%s "
	    "EMAIL\" first",
	    p->address.wire, accounts, account_dashes(first), first));
}

/* The record names them by ${alias} from the beginning. */
static int
remove_users(struct person *p, const char *alias)
{
	struct store_account account = {.id = 0};
	enum tell who = p->changes->tell.who;
	size_t i;
	int rc = 0;

	/* The person is told of all together. */
	p->changes->tell.who = TELL_NOTHING;
	for (i = 0; i < p->nusers && rc == 0; i++) {
		account.id = p->users[i].account;
		account.name = p->users[i].account_name;
		p->users[i].address = alias;
		rc = membership_remove(p->changes, &account, &p->users[i]);
	}
	p->changes->tell.who = who;
	return (rc);
}

static int
reword_records(struct person *p, const char *alias)
{
	struct changes *c = p->changes;
	const char *actor, *subject, *detail;
	size_t i;

	for (i = 0; i < p->nrecords; i++) {
		const struct store_change *r = &p->records[i].change;

		actor = person_replace(c->arena, &p->address, r->actor, alias);
		subject =
		    person_replace(c->arena, &p->address, r->subject, alias);
		detail =
		    person_replace(c->arena, &p->address, r->detail, alias);
		if (actor == NULL || subject == NULL || detail == NULL)
			return (failure_memory(c->failure));
		if (store_change_reword(c->store, p->records[i].id, actor,
			subject, detail) == -1)
			return (store_failed(c->store, c->failure));
	}
	return (0);
}

/* What was to be told the person is not told any more; others are told what
 * concerns them. */
static int
reword_notices(struct person *p, const char *alias)
{
	struct changes *c = p->changes;
	const struct store_notice *n;
	const char *detail, *actor;
	size_t i;
	int rc;

	for (i = 0; i < p->nnotices; i++) {
		n = &p->notices[i].notice;
		if (p->notices[i].own) {
			rc = store_notice_remove(c->store, n->id);
		} else {
			detail = person_replace(
			    c->arena, &p->address, n->detail, alias);
			actor = person_replace(
			    c->arena, &p->address, n->actor, alias);
			if (detail == NULL || actor == NULL)
				return (failure_memory(c->failure));
			rc =
			    store_notice_reword(c->store, n->id, detail, actor);
		}
		if (rc == -1)
			return (store_failed(c->store, c->failure));
	}
	return (0);
}

/* The one notice about it. Only a user has been told that we hold anything. */
static int
tell_person(struct person *p, const char *to)
{
	struct changes *c = p->changes;
	struct store_notice notice = {.at = c->now,
	    .account = "",
	    .address = to,
	    .kind = NOTICE_FORGOTTEN,
	    .detail = "\n",
	    .actor = "",
	    .language = ""};
	size_t i;

	if (p->nusers == 0 || c->tell.who == TELL_NOTHING)
		return (0);
	for (i = 0; i < p->nusers && *notice.language == '\0'; i++)
		notice.language = p->users[i].language;
	if (store_notice_add(c->store, &notice) == -1)
		return (store_failed(c->store, c->failure));
	return (0);
}

/* "user address" left them in the record: each is one to forget, too. */
static int
note_addresses_before(struct person *p)
{
	const struct store_change *r;
	int is, was;
	size_t i;

	for (i = 0; i < p->nrecords; i++) {
		r = &p->records[i].change;
		if (strcmp(r->action, "user-address") != 0 ||
		    strncmp(r->detail, "was ", 4) != 0)
			continue;
		is = names(p, r->subject);
		was = names(p, r->detail);
		if (is == -1 || was == -1)
			return (failure_memory(p->changes->failure));
		if (is == 1 && was == 0)
			roster_remark(p->changes,
			    "the person had the address %s before; \"notifyctl "
			    "person forget\" forgets that, too",
			    r->detail + 4);
	}
	return (0);
}

int
person_forget(struct changes *c, const char *text)
{
	struct person p;
	const char *alias, *to;
	int64_t number;

	if (person_find(c, text, &p) != 0 || check_no_owner(&p) != 0)
		return (-1);
	if (store_change_next(c->store, &number) != 1)
		return (store_failed(c->store, c->failure));
	alias = arena_printf(c->arena, ALIAS, (long long)number);
	if (alias == NULL)
		return (failure_memory(c->failure));
	to = p.nusers > 0 ? p.users[0].address : p.address.wire;
	if (remove_users(&p, alias) != 0 || reword_records(&p, alias) != 0 ||
	    reword_notices(&p, alias) != 0 ||
	    person_texts_reword(&p, alias) != 0)
		return (-1);
	if (store_person_requests_remove(c->store, p.address.key) == -1)
		return (store_failed(c->store, c->failure));
	if (note_addresses_before(&p) != 0 || tell_person(&p, to) != 0)
		return (-1);
	return (membership_record(c, "", "person-forget", alias, ""));
}
