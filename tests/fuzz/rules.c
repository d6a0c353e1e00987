/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rules - policy/README.md, What happens to a message, written a second time
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "decision/message.h"
#include "decision/tag.h"
#include "fuzz/fuzz.h"
#include "fuzz/people.h"
#include "fuzz/rules.h"
#include "settings/settings.h"
#include "terms/account.h"
#include "terms/address.h"
#include "terms/category.h"
#include "terms/stamp.h"

#define PEOPLE_MAX 32
#define SET_MAX 128

/* A set of strings. */
struct set {
	const char *v[SET_MAX];
	size_t n;
};

/* A message, and what the rules say about it. */
struct verdict {
	const struct smfi_str *mta;
	const struct settings *settings;
	struct arena *arena;
	const struct category *category;
	const char *header;  /* the account that a header names, or NULL */
	struct set accounts; /* named, by key */
	struct set found;    /* by recipients who are users of one alone */
	struct set want;     /* keys of those who get it */
	struct set chats;    /* that get it too */
	bool known;	     /* a recipient is a user */
	bool several;	     /* a recipient is a user of several accounts */
};

static bool has(const struct set *, const char *);
static bool is_stamp(const struct mta_header *);
static int read_mirror(struct verdict *, const char *, bool *);
static bool check_reserved(struct verdict *, bool, bool, bool, sfsistat);
static bool was_decided(struct verdict *);
static void check_stamps(struct verdict *);
static void put(struct set *, const char *);
static const char *person_key(struct verdict *, const struct person *);
static bool entitled(const struct verdict *, const struct person *);
static bool matches(struct verdict *, const char *, size_t, const char **);
static bool read_tag(struct verdict *);
static bool addresses_account(struct verdict *, const char *, const char **);
static bool find_accounts(struct verdict *);
static bool is_known(struct verdict *, const char *);
static bool all_readable(struct verdict *);
static bool concerned(struct verdict *, const char *, size_t *);
static void find_users(struct verdict *, const char *);
static void want_recipient(struct verdict *, const char *);
static void want_people(struct verdict *);
static bool is_nameless(struct verdict *, const char *);
static void want_chats(struct verdict *);
static bool has_hazard(struct verdict *);
static bool removes(struct verdict *);
static bool crowded(const struct verdict *);
static void check_as_it_came(const struct smfi_str *, bool);
static void check_people(struct verdict *);
static void check_chats(struct verdict *);
static bool is_chat(struct verdict *, const struct mta_recipient *);
static bool fused(struct verdict *);
static void check_tagged(struct verdict *, sfsistat);
static bool many(const struct smfi_str *);

static bool
has(const struct set *set, const char *s)
{
	size_t i;

	for (i = 0; i < set->n; i++) {
		if (strcmp(set->v[i], s) == 0)
			return (true);
	}
	return (false);
}

static void
put(struct set *set, const char *s)
{
	if (has(set, s))
		return;
	MUST(set->n < SET_MAX, "too many");
	set->v[set->n++] = s;
}

static const char *
person_key(struct verdict *v, const struct person *p)
{
	struct address address;

	MUST(address_read(v->arena, p->address, &address) == 1, "%s",
	    p->address);
	return (address.key);
}

/* policy/README.md, Roles. */
static bool
entitled(const struct verdict *v, const struct person *p)
{
	char slug[CATEGORY_SLUG_SIZE + 2];

	if (p->role == ROLE_OWNER)
		return (true);
	if (p->role == ROLE_SUBSCRIBER && !v->category->open)
		return (false);
	snprintf(slug, sizeof(slug), " %s ", v->category->slug);
	return (strstr(p->categories, slug) != NULL);
}

/* Is the recipient the ${i}th of the people: by its whole address or, if that
 * is nobody's, without its detail part? Then ${*key} is the recipient's. */
static bool
matches(struct verdict *v, const char *text, size_t i, const char **key)
{
	const struct person *p;
	struct address address;
	bool whole = false;

	*key = text;
	if (address_read(v->arena, text, &address) != 1)
		return (false);
	*key = address.key;
	for (p = people; p->account != NULL; p++)
		whole = whole || strcmp(person_key(v, p), address.key) == 0;
	if (!whole && address.base == NULL)
		return (false);
	if (strcmp(person_key(v, &people[i]),
		whole ? address.key : address.base) != 0)
		return (false);
	*key = person_key(v, &people[i]);
	return (true);
}

/* The category and the account that the headers name; false if they cannot be
 * understood. */
static bool
read_tag(struct verdict *v)
{
	struct header headers[MTA_HEADERS];
	struct message message = {.headers = headers};
	char slug[CATEGORY_KEY_SIZE], title[CATEGORY_KEY_SIZE];
	const struct category *c;
	struct tag tag;
	size_t i;

	for (i = 0; i < v->mta->nheaders; i++) {
		headers[i].name = v->mta->headers[i].name;
		headers[i].value = v->mta->headers[i].value;
		headers[i].index = 1;
	}
	message.nheaders = i;
	MUST(tag_read(v->arena, &message, &tag) == 0, "out of memory");
	if (tag.problem != NULL)
		return (false);
	for (i = 0; i < tag.ncategories; i++) {
		for (c = category_builtin; *c->slug != '\0'; c++) {
			if (category_key(c->slug, slug) == 1 &&
			    category_key(c->title, title) == 1 &&
			    (strcmp(tag.categories[i].key, slug) == 0 ||
				strcmp(tag.categories[i].key, title) == 0))
				break;
		}
		if (*c->slug == '\0' ||
		    (v->category != NULL && v->category != c))
			return (false);
		v->category = c;
	}
	v->header = tag.account;
	return (true);
}

/* Is it <account>@<account_domain>? */
static bool
addresses_account(struct verdict *v, const char *text, const char **account)
{
	struct address address;
	char key[ACCOUNT_KEY_SIZE];
	const char *local;

	if (address_read(v->arena, text, &address) != 1 ||
	    strcmp(address.domain, PEOPLE_ACCOUNT_DOMAIN) != 0)
		return (false);
	local = address.base == NULL ? address.key : address.base;
	local = arena_strndup(v->arena, local, address_local_length(local));
	*account =
	    account_key(local, key) == 1 ? arena_strdup(v->arena, key) : "";
	return (true);
}

/* All accounts named; false if one does not exist, or contradicts the header.
 */
static bool
find_accounts(struct verdict *v)
{
	const struct person *p;
	const char *account;
	size_t i, j;

	if (v->header != NULL)
		put(&v->accounts, v->header);
	for (i = 0; i < v->mta->nrecipients; i++) {
		if (v->mta->recipients[i].added ||
		    !addresses_account(
			v, v->mta->recipients[i].shown, &account))
			continue;
		put(&v->accounts, account);
	}
	if (v->header != NULL && v->accounts.n > 1)
		return (false);
	for (j = 0; j < v->accounts.n; j++) {
		for (p = people; p->account != NULL; p++) {
			if (strcmp(p->account, v->accounts.v[j]) == 0)
				break;
		}
		if (p->account == NULL)
			return (false);
	}
	return (true);
}

static bool
is_known(struct verdict *v, const char *text)
{
	const char *unused;
	size_t i;

	if (addresses_account(v, text, &unused))
		return (true);
	for (i = 0; people[i].account != NULL; i++) {
		if (matches(v, text, i, &unused))
			return (true);
	}
	return (false);
}

/* Does Postfix take it for the address of one of the people? */
static bool
is_alike(struct verdict *v, const struct address *address)
{
	struct address folded;
	const char *text;

	MUST(address_fold(v->arena, address->exact, &text) == 0, "memory");
	return (address_wide(address->exact) &&
	    address_read(v->arena, text, &folded) == 1 &&
	    strcmp(folded.key, address->key) != 0 && is_known(v, text));
}

/* Is every recipient an address? The MTA may take a text that is not one for
 * anybody; likewise a kept recipient without a domain, or with a second one. */
static bool
all_readable(struct verdict *v)
{
	bool keep = v->settings->unknown_recipients == UNKNOWN_KEEP;
	struct address address;
	const char *text;
	size_t i;

	for (i = 0; i < v->mta->nrecipients; i++) {
		text = v->mta->recipients[i].shown;
		if (v->mta->recipients[i].added)
			continue;
		if (address_read(v->arena, text, &address) != 1)
			return (false);
		if (keep && !is_known(v, text) &&
		    (*address.domain == '\0' || is_alike(v, &address) ||
			address_hazard(address.key) != NULL))
			return (false);
	}
	return (true);
}

/* Do only memberships in accounts named count, of the person with this key?
 * ${*n} is how many it has. */
static bool
concerned(struct verdict *v, const char *key, size_t *n)
{
	const struct person *p;
	bool named = v->header != NULL;

	*n = 0;
	for (p = people; p->account != NULL; p++) {
		if (strcmp(person_key(v, p), key) != 0)
			continue;
		(*n)++;
		named = named || has(&v->accounts, p->account);
	}
	return (named);
}

/* The account that a recipient leads to: of several, none. */
static void
find_users(struct verdict *v, const char *text)
{
	const char *key, *account = NULL;
	size_t i, n = 0;

	if (addresses_account(v, text, &account))
		return;
	for (i = 0; people[i].account != NULL; i++) {
		if (!matches(v, text, i, &key))
			continue;
		account = people[i].account;
		n++;
	}
	v->known = v->known || n > 0;
	v->several = v->several || n > 1;
	if (n == 1 && v->header == NULL && !has(&v->accounts, account) &&
	    (v->settings->expand == EXPAND_OWNER ||
		v->settings->expand == EXPAND_ALWAYS))
		put(&v->found, account);
}

/* Rules 4 and 5, for one recipient. */
static void
want_recipient(struct verdict *v, const char *text)
{
	const struct person *p;
	const char *account, *key = text;
	bool known = false;
	size_t i, n;

	if (addresses_account(v, text, &account))
		return;
	for (i = 0; people[i].account != NULL; i++) {
		p = &people[i];
		if (!matches(v, text, i, &key))
			continue;
		known = true;
		if (entitled(v, p) &&
		    (!concerned(v, key, &n) || has(&v->accounts, p->account)))
			put(&v->want, key);
	}
	if (!known && v->settings->unknown_recipients == UNKNOWN_KEEP)
		put(&v->want, key);
}

static void
want_people(struct verdict *v)
{
	const struct person *p;

	for (p = people; p->account != NULL; p++) {
		if (v->settings->expand == EXPAND_NEVER || !entitled(v, p))
			continue;
		if (has(&v->accounts, p->account) ||
		    (has(&v->found, p->account) &&
			(p->role == ROLE_OWNER ||
			    v->settings->expand == EXPAND_ALWAYS)))
			put(&v->want, person_key(v, p));
	}
}

/* Does nothing say which account of this person is meant? */
static bool
is_nameless(struct verdict *v, const char *key)
{
	size_t n;

	return (!concerned(v, key, &n) && n > 1);
}

/* Rule 7, of those who get it. All these chats are private. */
static void
want_chats(struct verdict *v)
{
	const struct person *p;
	const char *key;
	size_t n;

	for (p = people; p->account != NULL; p++) {
		key = person_key(v, p);
		if (p->chat == 0 || p->role == ROLE_SUBSCRIBER ||
		    !has(&v->want, key) || !entitled(v, p) ||
		    (concerned(v, key, &n) && !has(&v->accounts, p->account)))
			continue;
		put(&v->chats,
		    arena_printf(v->arena, "%lld", (long long)p->chat));
	}
}

/* Does a user stay whose address the MTA may read as another one? */
static bool
has_hazard(struct verdict *v)
{
	struct address address;
	const char *text, *key;
	size_t i, k;

	for (i = 0; i < v->mta->nrecipients; i++) {
		text = v->mta->recipients[i].shown;
		if (v->mta->recipients[i].added)
			continue;
		for (k = 0; people[k].account != NULL; k++) {
			if (matches(v, text, k, &key) && has(&v->want, key) &&
			    address_read(v->arena, text, &address) == 1 &&
			    address_hazard(address.key) != NULL)
				return (true);
		}
	}
	return (false);
}

/* Does a recipient not get it? */
static bool
removes(struct verdict *v)
{
	const char *text, *key;
	size_t i, k;

	for (i = 0; i < v->mta->nrecipients; i++) {
		text = key = v->mta->recipients[i].shown;
		if (v->mta->recipients[i].added)
			continue;
		for (k = 0; people[k].account != NULL; k++) {
			if (matches(v, text, k, &key))
				break;
		}
		if (addresses_account(v, text, &text) || !has(&v->want, key))
			return (true);
	}
	return (false);
}

/* May it be held since too many would be removed? If it was not, at most so
 * many were. */
static bool
crowded(const struct verdict *v)
{
	const struct smfi_str *m = v->mta;
	size_t i, came = 0, gone = 0, most = (size_t)v->settings->max_removed;

	for (i = 0; i < m->nrecipients; i++)
		came += !m->recipients[i].added;
	if (m->held == 1)
		return (came > most);
	for (i = 0; i < m->ncalls; i++)
		gone += m->calls[i].change == MTA_DELETE &&
		    m->calls[i].text[*m->calls[i].text == '<'] != '@';
	MUST(gone <= most, "%zu removed, at most %zu may be", gone, most);
	return (false);
}

/* All recipients are as they came; the X-Notify headers are too, or are
 * ${stripped}. */
static void
check_as_it_came(const struct smfi_str *m, bool stripped)
{
	size_t i;

	for (i = 0; i < m->nrecipients; i++)
		MUST(!m->recipients[i].added && !m->recipients[i].gone, "%s",
		    m->recipients[i].shown);
	for (i = 0; i < m->nheaders; i++)
		MUST(!m->headers[i].added &&
			m->headers[i].gone ==
			    (stripped ||
				(m->held > 0 && is_stamp(&m->headers[i]))),
		    "%s: %s", m->headers[i].name, m->headers[i].value);
}

static bool
is_stamp(const struct mta_header *h)
{
	return (strcasecmp(h->name, DECIDED_HEADER) == 0);
}

/*
 * Rule 7: the recipient is a mirror, with the right check for this message: 1;
 * or with another one: 0; or is none: -1.
 */
static int
read_mirror(struct verdict *v, const char *text, bool *nameless)
{
	struct address address;
	const char *check;
	char *local;
	int64_t link;

	if (address_read(v->arena, text, &address) != 1 ||
	    strcmp(address.domain, PEOPLE_TELEGRAM_DOMAIN) != 0)
		return (-1);
	local = arena_strndup(
	    v->arena, address.key, address_local_length(address.key));
	if (!stamp_chat(local, &link, &check) || check == NULL)
		return (-1);
	if (v->category == NULL || *v->mta->id == '\0')
		return (0);
	return (stamp_is_mirror(
	    PEOPLE_KEY, link, v->category->slug, v->mta->id, check, nameless));
}

/* Is the message refused, or deferred, for its recipients in the Telegram
 * domain? Even in monitor mode. */
static bool
check_reserved(
    struct verdict *v, bool trusted, bool tagged, bool lost, sfsistat status)
{
	struct verdict tag = *v;
	const struct smfi_str *m = v->mta;
	bool some = false, wrong = false, none = false, understood, nameless;
	size_t i;
	int rc;

	understood = tagged && read_tag(&tag);
	if (!understood)
		tag.category = NULL;
	for (i = 0; i < m->nrecipients; i++) {
		if (m->recipients[i].added ||
		    address_in_domain(v->arena, m->recipients[i].shown,
			PEOPLE_TELEGRAM_DOMAIN) != 1)
			continue;
		some = true;
		rc = read_mirror(&tag, m->recipients[i].shown, &nameless);
		none = none || rc == -1;
		wrong = wrong || rc != 1;
	}
	if (!some || (trusted && tagged && !lost && !wrong))
		return (false);
	check_as_it_came(m, false);
	/* Whoever cannot be a mirror needs no lookup; a tag without sense
	 * neither. */
	if (trusted && tagged && lost && !none && understood)
		MUST(status == SMFIS_TEMPFAIL, "%d", status);
	else if (trusted && tagged && lost && !none)
		MUST(status == SMFIS_TEMPFAIL || status == SMFIS_REJECT, "%d",
		    status);
	else
		MUST(status == SMFIS_REJECT, "%d", status);
	return (true);
}

/* Has the message come with its stamp? */
static bool
was_decided(struct verdict *v)
{
	const struct smfi_str *m = v->mta;
	char stamp[STAMP_SIZE];
	size_t i;

	if (*m->id == '\0')
		return (false);
	stamp_decided(PEOPLE_KEY, v->category->slug, v->header, m->id, stamp);
	for (i = 0; i < m->nheaders; i++) {
		if (!m->headers[i].added && is_stamp(&m->headers[i]) &&
		    stamp_same(stamp, m->headers[i].value))
			return (true);
	}
	return (false);
}

/* A message that is delivered has its own stamp, and no other; and the
 * Message-ID that the milter gave it, if it had none. */
static void
check_stamps(struct verdict *v)
{
	const struct smfi_str *m = v->mta;
	const struct mta_header *h;
	char stamp[STAMP_SIZE];
	size_t i, added = 0;

	MUST(*m->id != '\0', "no Message-ID");
	for (i = 0; i < m->nheaders; i++) {
		h = &m->headers[i];
		if (strcasecmp(h->name, MESSAGE_ID_HEADER) == 0)
			continue;
		added += h->added;
		MUST(h->gone == (is_stamp(h) && !h->added), "%s: %s", h->name,
		    h->value);
		if (!h->added)
			continue;
		stamp_decided(
		    PEOPLE_KEY, v->category->slug, v->header, m->id, stamp);
		MUST(is_stamp(h) && strcmp(h->value, stamp) == 0, "%s: %s",
		    h->name, h->value);
	}
	MUST(added == 1, "%zu stamps", added);
}

static bool
is_chat(struct verdict *v, const struct mta_recipient *r)
{
	return (address_in_domain(v->arena, r->added ? r->kept : r->shown,
		    PEOPLE_TELEGRAM_DOMAIN) == 1);
}

/* Exactly those who should get it are left, each once. */
static void
check_people(struct verdict *v)
{
	const struct smfi_str *m = v->mta;
	struct address one, other;
	const char *keys[MTA_RECIPIENTS];
	struct set got = {.n = 0};
	size_t i, j, k;

	for (i = 0; i < m->nrecipients; i++) {
		keys[i] = NULL;
		if (m->recipients[i].gone || is_chat(v, &m->recipients[i]))
			continue;
		keys[i] = m->recipients[i].shown;
		for (k = 0; people[k].account != NULL; k++) {
			if (matches(v, m->recipients[i].shown, k, &keys[i]))
				break;
		}
		MUST(has(&v->want, keys[i]), "%s is not to get %s, as %s",
		    m->recipients[i].shown, v->category->slug, keys[i]);
		put(&got, keys[i]);
		for (j = 0; j < i; j++) {
			if (keys[j] == NULL || strcmp(keys[i], keys[j]) != 0)
				continue;
			/* The MTA takes these for one recipient. */
			MUST(!m->recipients[i].added &&
				((address_read(v->arena, m->recipients[i].shown,
				      &one) == 1 &&
				     address_read(v->arena,
					 m->recipients[j].shown, &other) == 1 &&
				     strcmp(one.exact, other.exact) == 0) ||
				    strcmp(m->recipients[i].shown,
					m->recipients[j].shown) == 0),
			    "%s and %s", m->recipients[i].shown,
			    m->recipients[j].shown);
		}
	}
	for (i = 0; i < v->want.n; i++)
		MUST(has(&got, v->want.v[i]), "%s lacks %s", v->want.v[i],
		    v->category->slug);
}

/* Each chat once. Links are numbered in the order of the table of people. */
static void
check_chats(struct verdict *v)
{
	struct set got = {.n = 0};
	const struct person *p;
	const char *chat;
	long long link;
	size_t i;
	bool again = false, nameless;

	for (i = 0; i < v->mta->nrecipients; i++) {
		if (v->mta->recipients[i].gone ||
		    !is_chat(v, &v->mta->recipients[i]))
			continue;
		/* The milter has added it before. */
		if (!v->mta->recipients[i].added)
			continue;
		MUST(read_mirror(v, v->mta->recipients[i].kept, &nameless) == 1,
		    "%s", v->mta->recipients[i].shown);
		MUST(v->category->mirrored && v->mta->recipients[i].quiet, "%s",
		    v->mta->recipients[i].shown);
		link = strtoll(v->mta->recipients[i].kept, NULL, 10);
		for (p = people; p->account != NULL; p++) {
			if (p->chat != 0 && p - people + 1 == link)
				break;
		}
		MUST(p->account != NULL, "link %lld", link);
		chat = arena_printf(v->arena, "%lld", (long long)p->chat);
		MUST(!has(&got, chat), "chat %s twice", chat);
		MUST(has(&v->chats, chat), "chat %s", chat);
		MUST(entitled(v, p) && has(&v->want, person_key(v, p)),
		    "chat of %s", p->address);
		MUST(nameless == is_nameless(v, person_key(v, p)),
		    "chat of %s, told the account: %d", p->address, !nameless);
		put(&got, chat);
	}
	for (i = 0; i < v->mta->nrecipients; i++)
		again = again ||
		    (!v->mta->recipients[i].added &&
			is_chat(v, &v->mta->recipients[i]));
	MUST(again || got.n == (v->category->mirrored ? v->chats.n : 0),
	    "%zu chats of %zu", got.n, v->chats.n);
}

/* Would the MTA take two addresses for one? */
static bool
fused(struct verdict *v)
{
	struct address address;
	const char *keys[MTA_RECIPIENTS + SET_MAX],
	    *texts[MTA_RECIPIENTS + SET_MAX], *folds[MTA_RECIPIENTS + SET_MAX];
	size_t i, j, n = 0;

	for (i = 0; i < v->mta->nrecipients; i++) {
		if (v->mta->recipients[i].added ||
		    address_read(
			v->arena, v->mta->recipients[i].shown, &address) != 1)
			continue;
		keys[n] = address.key;
		texts[n++] = address.exact;
	}
	for (i = 0; i < v->want.n; i++) {
		keys[n] = v->want.v[i];
		texts[n++] = v->want.v[i];
	}
	for (i = 0; i < n; i++) {
		MUST(
		    address_fold(v->arena, texts[i], &folds[i]) == 0, "memory");
		for (j = 0; j < i; j++) {
			if (strcmp(folds[i], folds[j]) == 0 &&
			    strcmp(keys[i], keys[j]) != 0)
				return (true);
		}
	}
	return (false);
}

static void
check_tagged(struct verdict *v, sfsistat status)
{
	const struct smfi_str *m = v->mta;
	bool mirrors = false, addressed = false, understood, wrong;
	const char *unused;
	size_t i, n;

	understood = read_tag(v);
	if (understood && was_decided(v)) {
		check_as_it_came(m, false);
		MUST(status == SMFIS_CONTINUE && m->held == 0, "%d", status);
		return;
	}
	if (!understood || !find_accounts(v)) {
		check_as_it_came(m, false);
		switch (v->settings->bad_tag) {
		case BAD_TAG_HOLD:
			MUST(status == SMFIS_CONTINUE && m->held == 1, "%d",
			    status);
			return;
		case BAD_TAG_REJECT:
			MUST(status == SMFIS_REJECT, "%d", status);
			return;
		case BAD_TAG_TEMPFAIL:
			MUST(status == SMFIS_TEMPFAIL, "%d", status);
			return;
		}
	}
	if (!all_readable(v)) {
		check_as_it_came(m, false);
		MUST(status == SMFIS_CONTINUE && m->held == 1, "%d", status);
		return;
	}
	for (i = 0, n = m->nrecipients; i < n; i++) {
		if (m->recipients[i].added)
			continue;
		if (is_chat(v, &m->recipients[i])) {
			mirrors = true;
			continue;
		}
		addressed = addressed ||
		    addresses_account(v, m->recipients[i].shown, &unused);
		find_users(v, m->recipients[i].shown);
		want_recipient(v, m->recipients[i].shown);
	}
	want_people(v);
	want_chats(v);
	if (has_hazard(v) || fused(v)) {
		check_as_it_came(m, false);
		MUST(status == SMFIS_CONTINUE && m->held == 1, "%d", status);
		return;
	}
	if (v->want.n == 0 && !mirrors) {
		check_as_it_came(m, false);
		wrong = (!v->known && (v->header == NULL || addressed)) ||
		    (v->several && v->accounts.n == 0 &&
			(v->settings->expand == EXPAND_OWNER ||
			    v->settings->expand == EXPAND_ALWAYS));
		MUST(wrong ? status == SMFIS_CONTINUE && m->held == 1
			   : status == SMFIS_DISCARD,
		    "%d", status);
		return;
	}
	MUST(status == SMFIS_CONTINUE, "%d", status);
	if (m->cleanup && removes(v)) {
		check_as_it_came(m, false);
		MUST(m->held == 1, "a recipient of non_smtpd_milters removed");
		return;
	}
	if (crowded(v)) {
		check_as_it_came(m, false);
		return;
	}
	MUST(m->held == 0, "held");
	check_people(v);
	check_chats(v);
	check_stamps(v);
}

/* Has an untrusted client sent more of our headers than are removed? */
static bool
many(const struct smfi_str *m)
{
	size_t i, n = 0;

	for (i = 0; i < m->nheaders; i++)
		n += strncasecmp(m->headers[i].name, HEADER_PREFIX,
			 strlen(HEADER_PREFIX)) == 0;
	return (n > MESSAGE_REMOVED_HEADERS);
}

void
rules_check(const struct smfi_str *m, const struct settings *settings,
    bool trusted, bool nowhere, bool lost, sfsistat status, struct arena *a)
{
	struct verdict v = {.mta = m, .settings = settings, .arena = a};
	bool tagged = false;
	size_t i;

	MUST(m->held <= 1, "%d", m->held);
	if (m->failed) {
		MUST(status == SMFIS_TEMPFAIL, "%d", status);
		return;
	}
	if (m->troubled && status == SMFIS_TEMPFAIL)
		return;
	for (i = 0; i < m->nheaders; i++)
		tagged =
		    tagged || strcasecmp(m->headers[i].name, TAG_HEADER) == 0;
	if (check_reserved(&v, trusted, tagged, lost, status))
		return;
	if (settings->monitor) {
		check_as_it_came(m, false);
		MUST(status == SMFIS_CONTINUE && m->ncalls == 0, "%d", status);
		return;
	}
	if (!tagged) {
		check_as_it_came(m, false);
		MUST(status == SMFIS_CONTINUE && m->ncalls == 0, "%d", status);
	} else if (!trusted && (nowhere || many(m))) {
		check_as_it_came(m, false);
		MUST(status == SMFIS_REJECT, "%d", status);
	} else if (!trusted) {
		check_as_it_came(m, true);
		MUST(status == SMFIS_CONTINUE && m->held == 0, "%d", status);
	} else if (lost) {
		check_as_it_came(m, false);
		MUST(status == SMFIS_TEMPFAIL, "%d", status);
	} else {
		check_tagged(&v, status);
	}
}
