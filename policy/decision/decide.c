/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide - who gets a message, and why
 *
 * decide(), at the end, follows policy/README.md: a message that was decided
 * before, a bad tag, each recipient, the people to add, a message that nobody
 * is to receive, the mirror.
 */
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "decision/decide_private.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "settings/settings.h"
#include "terms/address.h"
#include "terms/stamp.h"

static int bad_tag(struct deciding *, const char *);
static int tag_problem(struct deciding *, const char **);
static int leave_all(struct deciding *, enum verdict, const char *);
static const struct member *weigh(
    struct deciding *, const struct fact_recipient *, enum why *);
static int decide_recipient(struct deciding *, size_t);
static void duplicate(struct deciding *, size_t, const char *);
static const char *spelling(struct deciding *, size_t);
static void join(struct deciding *, const struct fact_recipient *,
    struct decided_recipient *);
static int append(struct deciding *, struct decided_person **, size_t *,
    size_t *, const struct decided_person *);
static int add_person(struct deciding *, const struct member *);
static int pass_over(struct deciding *, const struct member *, enum why);
static void remove_added(struct deciding *);
static int decide_person(struct deciding *, const struct member *);
static int decide_people(struct deciding *);
static bool was_decided(struct deciding *);
static int leave_decided(struct deciding *);
static const char *what_is_wrong(const struct deciding *);
static int nobody_left(struct deciding *);
static int hold_unsafe(struct deciding *);
static int hold_crowded(struct deciding *);

void
decide_leave(struct decision *decision, const struct message *message,
    enum verdict verdict, const char *reason)
{
	size_t i;

	decision->verdict = verdict;
	decision->reason = reason == NULL ? "out of memory" : reason;
	decision->kept = message->nrecipients;
	decision->dropped = decision->nadded = decision->nmirrored = 0;
	decision->stamp = NULL;
	for (i = 0; decision->recipients != NULL && i < decision->kept; i++) {
		decision->recipients[i].fate = FATE_KEPT;
		decision->recipients[i].why = WHY_AS_ADDRESSED;
	}
}

void
decide_fail(struct decision *decision, const struct message *message,
    const char *reason)
{
	memset(decision, 0, sizeof(*decision));
	decide_leave(decision, message, VERDICT_TEMPFAIL, reason);
	decision->undecided = true;
}

bool
decide_entitles(enum why why)
{
	return (why < WHY_UNKNOWN);
}

/* Rule 3: 1 and ${*problem} if the tag cannot be understood, 0 if it can, -1 if
 * out of memory. */
static int
tag_problem(struct deciding *d, const char **problem)
{
	const struct facts *facts = d->facts;
	const struct fact_account *account;
	size_t i;

	*problem = facts->tag.problem;
	for (i = 0; i < facts->naccounts && *problem == NULL; i++) {
		account = facts->accounts[i];
		if (account->id == 0)
			*problem = arena_printf(
			    d->arena, "unknown account '%.80s'", account->key);
		else if (facts->header != NULL && account != facts->header)
			*problem = arena_printf(d->arena,
			    "the header names account %s, a recipient account "
			    "%s",
			    facts->header->name, account->name);
		else
			continue;
		if (*problem == NULL)
			return (-1);
	}
	if (*problem == NULL)
		*problem = facts->category_problem;
	return (*problem != NULL);
}

/* As decide_leave(), in the middle of a decision. */
static int
leave_all(struct deciding *d, enum verdict verdict, const char *reason)
{
	if (reason == NULL)
		return (-1);
	decide_leave(d->decision, d->message, verdict, reason);
	return (0);
}

static int
bad_tag(struct deciding *d, const char *problem)
{
	static const enum verdict verdicts[] = {
	    [BAD_TAG_HOLD] = VERDICT_HOLD,
	    [BAD_TAG_REJECT] = VERDICT_REJECT,
	    [BAD_TAG_TEMPFAIL] = VERDICT_TEMPFAIL,
	};

	return (leave_all(d, verdicts[d->settings->bad_tag], problem));
}

enum why
decide_member(const struct category *category, const struct member *m)
{
	if (m->role == ROLE_OWNER)
		return (WHY_OWNER);
	if (!role_may_receive(m->role, category->open))
		return (WHY_NOT_OPEN);
	return (role_entitled(m->role, m->subscribed, category->open)
		? WHY_SUBSCRIBED
		: WHY_NOT_SUBSCRIBED);
}

bool
decide_concerned(const struct facts *facts, const struct member *v, size_t n)
{
	size_t i;

	for (i = 0; i < n && !v[i].named; i++)
		;
	return (facts->header != NULL || i < n);
}

bool
decide_recipient_entitled(
    const struct deciding *d, const struct fact_recipient *r)
{
	bool concerned = decide_concerned(d->facts, r->members, r->nmembers);
	size_t i;

	for (i = 0; i < r->nmembers; i++) {
		if ((!concerned || r->members[i].named) &&
		    decide_entitles(
			decide_member(&d->facts->category, &r->members[i])))
			return (true);
	}
	return (false);
}

/*
 * Is this recipient entitled: in an account that the message names, if it is a
 * user of one or a header names it; else in any account whose user it is?
 * Returns the user that decided it; NULL for a recipient who is not a user of
 * any account, or stays without being entitled.
 */
static const struct member *
weigh(struct deciding *d, const struct fact_recipient *r, enum why *why)
{
	bool concerned = decide_concerned(d->facts, r->members, r->nmembers);
	const struct member *m, *about;
	enum why this;
	size_t i;

	about = NULL;
	*why = d->settings->unknown_recipients == UNKNOWN_KEEP
	    ? WHY_UNKNOWN_KEPT
	    : WHY_UNKNOWN;
	for (i = 0; i < r->nmembers; i++) {
		m = &r->members[i];
		if (concerned && !m->named)
			this = WHY_OTHER_ACCOUNT;
		else
			this = decide_member(&d->facts->category, m);
		if (decide_entitles(this)) {
			*why = this;
			return (m);
		}
		/* Prefer any other reason to WHY_OTHER_ACCOUNT. */
		if (about == NULL || *why == WHY_OTHER_ACCOUNT) {
			about = m;
			*why = this;
		}
	}
	if (r->always_keep && !decide_entitles(*why)) {
		*why = WHY_ALWAYS_KEPT;
		return (NULL);
	}
	return (about);
}

/*
 * Recipient ${i} is the same person as ${first}, who is kept: drop it, unless
 * both are one text to the MTA, which would delete both.
 */
static void
duplicate(struct deciding *d, size_t i, const char *first)
{
	struct decided_recipient *dr = &d->decision->recipients[i];

	if (strcmp(first, spelling(d, i)) == 0) {
		dr->fate = FATE_KEPT;
		d->decision->kept++;
		d->always_kept += dr->why == WHY_ALWAYS_KEPT;
		return;
	}
	dr->fate = FATE_DROPPED;
	dr->why = WHY_DUPLICATE;
	d->decision->dropped++;
}

/* The text that the MTA compares when it deletes a recipient. */
static const char *
spelling(struct deciding *d, size_t i)
{
	const struct fact_recipient *r = &d->facts->recipients[i];

	return (r->readable ? r->address.exact : d->message->recipients[i]);
}

/* Whoever joins by an account found, and is a recipient, stays. */
static void
join(struct deciding *d, const struct fact_recipient *r,
    struct decided_recipient *dr)
{
	const void *found;

	if (r->nmembers > 0 &&
	    (!decide_entitles(dr->why) || dr->why == WHY_ALWAYS_KEPT) &&
	    strmap_find(&d->joining, r->members[0].key, &found) == 1) {
		dr->member = found;
		dr->why = decide_member(&d->facts->category, dr->member);
	}
}

static int
decide_recipient(struct deciding *d, size_t i)
{
	const struct fact_recipient *r = &d->facts->recipients[i];
	struct decided_recipient *dr = &d->decision->recipients[i];
	const char *key;
	const void *first;

	if (r->account != NULL) {
		dr->fate = FATE_REPLACED;
		dr->why = WHY_ACCOUNT_ADDRESS;
		return (0);
	}
	if (r->link != 0) {
		dr->why = WHY_MIRROR;
		d->decision->kept++;
		return (decide_mirror_note(d, r->link));
	}
	dr->member = weigh(d, r, &dr->why);
	join(d, r, dr);
	if (!decide_entitles(dr->why)) {
		dr->fate = FATE_DROPPED;
		d->decision->dropped++;
		if (dr->member == NULL)
			return (0);
		return (
		    strmap_add(&d->gone, dr->member->key, NULL) == -1 ? -1 : 0);
	}
	key = !r->readable    ? d->message->recipients[i]
	    : r->nmembers > 0 ? r->members[0].key
			      : r->address.key;
	if (strmap_find(&d->final, key, &first) == 1) {
		duplicate(d, i, first);
		return (0);
	}
	dr->fate = FATE_KEPT;
	d->decision->kept++;
	d->always_kept += dr->why == WHY_ALWAYS_KEPT;
	if (r->readable)
		decide_ambiguous_note(
		    d, r->address.key, d->message->recipients[i]);
	return (strmap_add(&d->final, key, spelling(d, i)) == 1 ? 0 : -1);
}

static int
append(struct deciding *d, struct decided_person **v, size_t *n, size_t *cap,
    const struct decided_person *person)
{
	*v = arena_grow(d->arena, *v, *n, cap, sizeof(**v));
	if (*v == NULL)
		return (-1);
	(*v)[(*n)++] = *person;
	return (0);
}

static int
add_person(struct deciding *d, const struct member *m)
{
	struct decision *decision = d->decision;
	struct decided_person person = {
	    .why = decide_member(&d->facts->category, m), .member = m};
	int rc;

	rc = strmap_add(&d->final, m->key, NULL);
	if (rc != 1)
		return (rc);
	decide_ambiguous_note(d, m->key, m->address);
	if (!m->named)
		person.by = decide_found_by(d, m->account);
	return (append(
	    d, &decision->added, &decision->nadded, &d->added_cap, &person));
}

static int
pass_over(struct deciding *d, const struct member *m, enum why why)
{
	struct decision *decision = d->decision;
	struct decided_person person = {.why = why, .member = m};

	/* Recipients, and people added through another account, have their
	 * reason already. */
	if (strmap_find(&d->final, m->key, NULL) == 1 ||
	    strmap_find(&d->gone, m->key, NULL) == 1)
		return (0);
	return (append(
	    d, &decision->passed, &decision->npassed, &d->passed_cap, &person));
}

/* Remove people who were passed over in one account and added through
 * another. */
static void
remove_added(struct deciding *d)
{
	struct decision *decision = d->decision;
	size_t i, n = 0;

	for (i = 0; i < decision->npassed; i++) {
		if (strmap_find(
			&d->final, decision->passed[i].member->key, NULL) == 0)
			decision->passed[n++] = decision->passed[i];
	}
	decision->npassed = n;
}

/* Add one of an account's people, or pass over. */
static int
decide_person(struct deciding *d, const struct member *m)
{
	enum why why;
	const char *domain;

	domain = strrchr(m->key, '@');
	domain = domain == NULL ? "" : domain + 1;
	why = decide_member(&d->facts->category, m);
	/* Nobody who is entitled may be left out silently. */
	if (decide_entitles(why) && d->expands &&
	    (*m->address == '\0' || *domain == '\0' ||
		strcmp(domain, d->settings->telegram_domain) == 0 ||
		strcmp(domain, d->settings->account_domain) == 0)) {
		d->unreachable = m;
		why = WHY_RESERVED;
	}
	if (!decide_entitles(why))
		return (pass_over(d, m, why));
	if (!d->expands)
		return (pass_over(d, m, WHY_NOT_EXPANDED));
	return (add_person(d, m));
}

/* Rule 4: each recipient, and the people of the accounts. */
static int
decide_people(struct deciding *d)
{
	size_t i;

	if (decide_found(d) != 0)
		return (-1);
	for (i = 0; i < d->message->nrecipients; i++) {
		if (decide_recipient(d, i) != 0)
			return (-1);
	}
	for (i = 0; i < d->facts->npeople; i++) {
		if (decide_person(d, &d->facts->people[i]) != 0)
			return (-1);
	}
	for (i = 0; i < d->nothers; i++) {
		if (decide_person(d, d->others[i]) != 0)
			return (-1);
	}
	remove_added(d);
	return (0);
}

/* Does an X-Notify-Decided say what it must (rule 7)? */
static bool
was_decided(struct deciding *d)
{
	const struct message *message = d->message;
	const char *stamp = d->facts->stamp;
	const struct header *h;
	bool right = false;
	size_t i;

	for (i = 0; i < message->nheaders; i++) {
		h = &message->headers[i];
		if (strcasecmp(h->name, DECIDED_HEADER) != 0)
			continue;
		d->decision->misdecided = true;
		right = right ||
		    (stamp != NULL && h->value != NULL &&
			stamp_same(stamp, h->value));
	}
	if (right)
		d->decision->misdecided = false;
	return (right);
}

static int
leave_decided(struct deciding *d)
{
	struct decision *decision = d->decision;
	enum why unused;
	size_t i;

	decide_leave(decision, d->message, VERDICT_DELIVER, "decided before");
	decision->reason = NULL;
	decision->decided = true;
	for (i = 0; i < d->message->nrecipients; i++) {
		decision->recipients[i].member =
		    weigh(d, &d->facts->recipients[i], &unused);
		decision->recipients[i].why = WHY_DECIDED;
	}
	return (decide_words_accounts(d, false));
}

/* Rule 6: why is it likely that something is wrong, if nobody is left? NULL: it
 * is not. */
static const char *
what_is_wrong(const struct deciding *d)
{
	const struct facts *facts = d->facts;
	const struct fact_recipient *r;
	bool known = false, several = false, address = false, kept = false;
	size_t i;

	for (i = 0; i < d->message->nrecipients; i++) {
		r = &facts->recipients[i];
		known = known || r->nmembers > 0;
		several = several || r->nmembers > 1;
		address = address || r->account != NULL;
		kept = kept || (r->always_keep && r->account == NULL);
	}
	if (!known && facts->naccounts == 0)
		return ("no account could be found for any recipient");
	/* Somebody always joins for an address, but with "never". */
	if (!known && address && !kept)
		return ("only addresses of accounts were given, and expand = "
			"never lets nobody join");
	if (several && facts->naccounts == 0 &&
	    (d->settings->expand == EXPAND_OWNER ||
		d->settings->expand == EXPAND_ALWAYS))
		return ("nothing says which account of recipients who are "
			"users of several is meant");
	return (NULL);
}

/* Rule 6; recipients who stay by always_keep alone do not count. */
static int
nobody_left(struct deciding *d)
{
	const char *wrong = what_is_wrong(d);

	/* If no account is found, the message may be about any account of a
	 * recipient. */
	if (d->facts->naccounts == 0 && decide_words_accounts(d, true) != 0)
		return (-1);
	if (wrong != NULL)
		return (leave_all(d, VERDICT_HOLD, wrong));
	if (d->decision->kept == 0) {
		d->decision->verdict = VERDICT_DISCARD;
		d->decision->reason =
		    "nobody addressed is entitled to the category";
	}
	return (0);
}

/* Hold a message that the MTA may deliver to another, or to nobody. */
static int
hold_unsafe(struct deciding *d)
{
	const char *text;

	if (d->unreachable != NULL)
		return (leave_all(d, VERDICT_HOLD,
		    arena_printf(d->arena,
			"%s is entitled, but is in the domain of accounts or "
			"of chats",
			d->unreachable->address)));
	if (d->hazard != NULL)
		return (leave_all(d, VERDICT_HOLD,
		    arena_printf(
			d->arena, "%.320s %s", d->hazard, d->hazard_why)));
	if (decide_ambiguous_pair(d, &text) != 0)
		return (-1);
	if (text == NULL)
		return (0);
	return (leave_all(d, VERDICT_HOLD,
	    arena_printf(d->arena,
		"the MTA takes %.320s and another address for one", text)));
}

/* Rule 10: hold a message of which the MTA would have to remove too many. */
static int
hold_crowded(struct deciding *d)
{
	size_t removed = d->message->nrecipients - d->decision->kept;
	size_t most = (size_t)d->settings->max_removed;

	if (most == 0 || removed <= most)
		return (0);
	return (leave_all(d, VERDICT_HOLD,
	    arena_printf(d->arena,
		"%zu of %zu recipients would have to be removed, more than "
		"max_removed = %zu; address the account instead",
		removed, d->message->nrecipients, most)));
}

int
decide(const struct settings *settings, const struct message *message,
    const struct facts *facts, struct arena *a, struct decision *decision)
{
	struct deciding d = {.settings = settings,
	    .message = message,
	    .facts = facts,
	    .arena = a,
	    .decision = decision};
	const char *problem, *text;
	int rc;

	memset(decision, 0, sizeof(*decision));
	d.final.arena = d.gone.arena = d.chats.arena = d.mirrors.arena = a;
	d.joining.arena = a;
	decision->recipients =
	    arena_array(a, message->nrecipients, sizeof(*decision->recipients));
	if (decision->recipients == NULL ||
	    strmap_reserve(&d.final, message->nrecipients + facts->npeople) !=
		0)
		return (-1);
	if (facts->category.id != 0)
		decision->category = facts->category.slug;
	if (was_decided(&d))
		return (leave_decided(&d));
	rc = tag_problem(&d, &problem);
	if (rc == -1)
		return (-1);
	if (rc == 1 || facts->category.id == 0) {
		if (decide_words_accounts(&d, false) != 0)
			return (-1);
		return (bad_tag(&d, problem));
	}
	text = decide_ambiguous_recipient(&d);
	if (text != NULL) {
		if (decide_words_accounts(&d, false) != 0)
			return (-1);
		return (leave_all(&d, VERDICT_HOLD,
		    arena_printf(a,
			"recipient %.320s cannot be read as a person's address",
			text)));
	}
	decision->verdict = VERDICT_DELIVER;
	d.expands = settings->expand != EXPAND_NEVER;
	if (decide_people(&d) != 0 || decide_words_accounts(&d, false) != 0 ||
	    hold_unsafe(&d) != 0)
		return (-1);
	if (decision->verdict == VERDICT_DELIVER &&
	    decision->kept - d.always_kept + decision->nadded == 0 &&
	    nobody_left(&d) != 0)
		return (-1);
	if (decision->verdict == VERDICT_DELIVER && hold_crowded(&d) != 0)
		return (-1);
	if (decision->verdict != VERDICT_DELIVER)
		return (0);
	decision->stamp = facts->stamp;
	return (decide_notify(&d) == 0 ? decide_mirror(&d) : -1);
}
