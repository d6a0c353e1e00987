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
#include "base/strmap.h"
#include "decision/decide.h"
#include "decision/facts.h"
#include "decision/message.h"
#include "settings/settings.h"
#include "terms/address.h"
#include "terms/stamp.h"

/* Beside the bits of message.h: an address had no NOTIFY. */
#define NOTIFY_DEFAULT 16

/* What the steps of one decision share. */
struct deciding {
	const struct settings *settings;
	const struct message *message;
	const struct facts *facts;
	struct arena *arena;
	struct decision *decision;
	struct strmap final; /* keys of the final recipients */
	struct strmap gone;  /* keys of the dropped ones */
	struct strmap chats;
	struct strmap mirrors; /* recipients that are mirrors */
	size_t added_cap, passed_cap, mirrored_cap;
	size_t always_kept; /* of those kept, by always_keep alone */
	bool account_found; /* by header, address or user */
	const struct member *unreachable; /* entitled, at a reserved domain */
	/* Stays or joins, and the MTA may send the mail elsewhere. */
	const char *hazard, *hazard_why;
};

/* A list of names, each once. */
struct names {
	struct strmap seen;
	const char **v;
	size_t n, cap;
	size_t room; /* bytes that they need when joined */
};

static int bad_tag(struct deciding *, const char *);
static int tag_problem(struct deciding *, const char **);
static int leave_all(struct deciding *, enum verdict, const char *);
static bool ambiguous(const struct fact_recipient *);
static void note_hazard(struct deciding *, const char *, const char *);
static const char *unreadable(const struct deciding *);
static enum why why_member(const struct category *, const struct member *);
static bool entitles(enum why);
static const struct member *weigh(
    struct deciding *, const struct fact_recipient *, enum why *);
static int decide_recipient(struct deciding *, size_t);
static void duplicate(struct deciding *, size_t, const char *);
static const char *spelling(struct deciding *, size_t);
static int append(struct deciding *, struct decided_person **, size_t *,
    size_t *, const struct member *, enum why);
static int add_person(struct deciding *, const struct member *);
static int pass_over(struct deciding *, const struct member *, enum why);
static void remove_added(struct deciding *);
static const char *recipient_key(const struct deciding *, size_t);
static int fuse(struct strmap *, const char *);
static int fused(struct deciding *, const char **);
static int decide_person(struct deciding *, const struct member *);
static const char *mirror_address(struct deciding *, const struct member *);
static int note_chat(struct deciding *, const struct member *);
static int note_mirrored(struct deciding *, const struct member *);
static bool has_mirror(struct deciding *, const struct member *);
static int mirror(struct deciding *, const struct member *);
static int each_mirrored(
    struct deciding *, int (*)(struct deciding *, const struct member *));
static int mirror_all(struct deciding *);
static bool was_decided(struct deciding *);
static int leave_decided(struct deciding *);
static int name_account(struct names *, const char *);
static int name_accounts(struct deciding *);
static const char *notify_text(unsigned);
static unsigned *notify_of_accounts(struct deciding *);
static size_t find_named(const struct facts *, int64_t, size_t);
static int inherit_notify(struct deciding *);
static int nobody_left(struct deciding *);

static const char *const verdict_names[] = {
    [VERDICT_UNTOUCHED] = "untouched",
    [VERDICT_DELIVER] = "deliver",
    [VERDICT_DISCARD] = "discard",
    [VERDICT_HOLD] = "hold",
    [VERDICT_REJECT] = "reject",
    [VERDICT_TEMPFAIL] = "tempfail",
    [VERDICT_UNTRUSTED] = "untrusted",
};

const char *
decide_verdict_name(enum verdict verdict)
{
	return (verdict_names[verdict]);
}

const char *
decide_why(
    struct arena *a, enum why why, const struct member *m, const char *category)
{
	switch (why) {
	case WHY_OWNER:
		return (arena_printf(a, "owner of %s", m->account_name));
	case WHY_SUBSCRIBED:
		return (arena_printf(a, "%s of %s, subscribed to %s",
		    role_name(m->role), m->account_name, category));
	case WHY_UNKNOWN_KEPT:
		return ("no user of any account (unknown_recipients = keep)");
	case WHY_ALWAYS_KEPT:
		return ("named in always_keep");
	case WHY_AS_ADDRESSED:
		return ("as addressed");
	case WHY_ACCOUNT_ADDRESS:
		return ("the address of an account");
	case WHY_MIRROR:
		return ("a chat, added when the message was decided before");
	case WHY_DECIDED:
		return ("as decided before");
	case WHY_UNKNOWN:
		return ("no user of any account");
	case WHY_OTHER_ACCOUNT:
		return (arena_printf(a,
		    "no user of the account that the "
		    "header names, but of %s",
		    m->account_name));
	case WHY_NOT_SUBSCRIBED:
		return (arena_printf(a, "%s of %s, not subscribed to %s",
		    role_name(m->role), m->account_name, category));
	case WHY_NOT_OPEN:
		return (arena_printf(a,
		    "subscriber of %s, and %s is not open to subscribers",
		    m->account_name, category));
	case WHY_DUPLICATE:
		return ("duplicate of a recipient who gets it");
	case WHY_NOT_EXPANDED:
		return (arena_printf(a,
		    "not addressed, and expand = never (%s of %s)",
		    role_name(m->role), m->account_name));
	case WHY_RESERVED:
		return ("its address is in the domain of accounts or of chats");
	}
	return (NULL);
}

void
decide_leave(struct decision *decision, const struct message *message,
    enum verdict verdict, const char *reason)
{
	size_t i;

	decision->verdict = verdict;
	decision->reason = reason == NULL ? "out of memory" : reason;
	decision->kept = message->nrecipients;
	decision->dropped = decision->nadded = decision->nmirrored = 0;
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

static bool
entitles(enum why why)
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

/* May the MTA read the address as another one? It appends a domain where there
 * is none, and may take "acme.example!bill" and "bill%acme.example" for bill's,
 * even in front of a domain. */
static bool
ambiguous(const struct fact_recipient *r)
{
	return (*r->address.domain == '\0' ||
	    address_hazard(r->address.key) != NULL);
}

/* Note that ${shown}, the recipient or user with ${key}, gets the message. */
static void
note_hazard(struct deciding *d, const char *key, const char *shown)
{
	const char *why = address_hazard(key);

	if (why == NULL || d->hazard != NULL)
		return;
	d->hazard = shown;
	d->hazard_why = why;
}

/* A recipient whose mailbox is uncertain, or NULL. What we cannot read as an
 * address may be a mailbox to the MTA, and deleting it may delete another
 * recipient or none. An ambiguous address matters only if it is no user's and
 * would be kept. */
static const char *
unreadable(const struct deciding *d)
{
	bool keep = d->settings->unknown_recipients == UNKNOWN_KEEP;
	const struct fact_recipient *r;
	size_t i;

	for (i = 0; i < d->message->nrecipients; i++) {
		r = &d->facts->recipients[i];
		if (!r->readable ||
		    ((keep || r->always_keep) && r->account == NULL &&
			r->nmembers == 0 && ambiguous(r)))
			return (d->message->recipients[i]);
	}
	return (NULL);
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

static enum why
why_member(const struct category *category, const struct member *m)
{
	if (m->role == ROLE_OWNER)
		return (WHY_OWNER);
	if (!role_may_receive(m->role, category->open))
		return (WHY_NOT_OPEN);
	return (role_entitled(m->role, m->subscribed, category->open)
		? WHY_SUBSCRIBED
		: WHY_NOT_SUBSCRIBED);
}

/*
 * Is this recipient entitled: in the account that the header names or, without
 * a header, in any account whose user it is? Returns the user that decided it;
 * NULL for a recipient who is not a user of any account, or stays without being
 * entitled.
 */
static const struct member *
weigh(struct deciding *d, const struct fact_recipient *r, enum why *why)
{
	const struct member *m, *about;
	enum why this;
	size_t i;

	about = NULL;
	*why = d->settings->unknown_recipients == UNKNOWN_KEEP
	    ? WHY_UNKNOWN_KEPT
	    : WHY_UNKNOWN;
	for (i = 0; i < r->nmembers; i++) {
		m = &r->members[i];
		d->account_found = true;
		if (d->facts->header != NULL &&
		    m->account != d->facts->header->id)
			this = WHY_OTHER_ACCOUNT;
		else
			this = why_member(&d->facts->category, m);
		if (entitles(this)) {
			*why = this;
			return (m);
		}
		/* Prefer any other reason to WHY_OTHER_ACCOUNT. */
		if (about == NULL || *why == WHY_OTHER_ACCOUNT) {
			about = m;
			*why = this;
		}
	}
	if (r->always_keep && !entitles(*why)) {
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

static int
decide_recipient(struct deciding *d, size_t i)
{
	const struct fact_recipient *r = &d->facts->recipients[i];
	struct decided_recipient *dr = &d->decision->recipients[i];
	const char *key;
	const void *first;

	if (r->account != NULL) {
		d->account_found = true;
		dr->fate = FATE_REPLACED;
		dr->why = WHY_ACCOUNT_ADDRESS;
		return (0);
	}
	if (r->link != 0) {
		dr->why = WHY_MIRROR;
		d->decision->kept++;
		return (strmap_add(&d->mirrors, r->address.key, NULL) == -1
			? -1
			: 0);
	}
	dr->member = weigh(d, r, &dr->why);
	if (!entitles(dr->why)) {
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
		note_hazard(d, r->address.key, d->message->recipients[i]);
	return (strmap_add(&d->final, key, spelling(d, i)) == 1 ? 0 : -1);
}

static int
append(struct deciding *d, struct decided_person **v, size_t *n, size_t *cap,
    const struct member *m, enum why why)
{
	*v = arena_grow(d->arena, *v, *n, cap, sizeof(**v));
	if (*v == NULL)
		return (-1);
	(*v)[(*n)++] = (struct decided_person){why, m, NULL};
	return (0);
}

static int
add_person(struct deciding *d, const struct member *m)
{
	struct decision *decision = d->decision;
	int rc;

	rc = strmap_add(&d->final, m->key, NULL);
	if (rc != 1)
		return (rc);
	note_hazard(d, m->key, m->address);
	return (append(d, &decision->added, &decision->nadded, &d->added_cap, m,
	    why_member(&d->facts->category, m)));
}

static int
pass_over(struct deciding *d, const struct member *m, enum why why)
{
	struct decision *decision = d->decision;

	/* Recipients, and people added through another account, have their
	 * reason already. */
	if (strmap_find(&d->final, m->key, NULL) == 1 ||
	    strmap_find(&d->gone, m->key, NULL) == 1)
		return (0);
	return (append(
	    d, &decision->passed, &decision->npassed, &d->passed_cap, m, why));
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

/* The key of recipient ${i}, "" for an account's address, which is removed. */
static const char *
recipient_key(const struct deciding *d, size_t i)
{
	const struct fact_recipient *r = &d->facts->recipients[i];

	return (r->readable && r->account == NULL ? r->address.key : "");
}

/* Note the address with ${key} among ${folds}: 1 if the MTA takes it for one of
 * another key, 0 if not, -1 if out of memory. */
static int
fuse(struct strmap *folds, const char *key)
{
	const char *folded;
	const void *other;

	if (address_fold(folds->arena, key, &folded) != 0)
		return (-1);
	if (strmap_find(folds, folded, &other) == 1)
		return (strcmp(other, key) != 0);
	return (strmap_add(folds, folded, key) == -1 ? -1 : 0);
}

/* ${*text} is a recipient or user whom the MTA would not tell from another one,
 * so that one of them would not get the message; or NULL. 0, or -1 if out of
 * memory. */
static int
fused(struct deciding *d, const char **text)
{
	const struct decision *decision = d->decision;
	struct strmap folds = {.arena = d->arena};
	bool wide = false;
	size_t i;
	int rc = 0;

	*text = NULL;
	for (i = 0; i < d->message->nrecipients && !wide; i++)
		wide = address_wide(recipient_key(d, i));
	for (i = 0; i < decision->nadded && !wide; i++)
		wide = address_wide(decision->added[i].member->key);
	for (i = 0; wide && i < d->message->nrecipients && rc == 0; i++) {
		rc = fuse(&folds, recipient_key(d, i));
		*text = d->message->recipients[i];
	}
	for (i = 0; wide && i < decision->nadded && rc == 0; i++) {
		rc = fuse(&folds, decision->added[i].member->key);
		*text = decision->added[i].member->address;
	}
	if (rc == 0)
		*text = NULL;
	return (rc == -1 ? -1 : 0);
}

/* Add one of an account's people, or pass over. */
static int
decide_person(struct deciding *d, const struct member *m)
{
	enum why why;
	const char *domain;

	domain = strrchr(m->key, '@');
	domain = domain == NULL ? "" : domain + 1;
	why = why_member(&d->facts->category, m);
	/* Nobody who is entitled may be left out silently. */
	if (entitles(why) && d->decision->expanded &&
	    (*m->address == '\0' || *domain == '\0' ||
		strcmp(domain, d->settings->telegram_domain) == 0 ||
		strcmp(domain, d->settings->account_domain) == 0)) {
		d->unreachable = m;
		why = WHY_RESERVED;
	}
	if (!entitles(why))
		return (pass_over(d, m, why));
	if (!d->decision->expanded)
		return (pass_over(d, m, WHY_NOT_EXPANDED));
	return (add_person(d, m));
}

/* The address of a user's chat for this message, or NULL if out of memory. */
static const char *
mirror_address(struct deciding *d, const struct member *m)
{
	const char *key = d->facts->key;
	char check[STAMP_SIZE] = "";

	if (key != NULL)
		stamp_mirror(key, m->link, d->facts->category.slug,
		    d->message->id, check);
	return (arena_printf(d->arena, "%lld%s%s@%s", (long long)m->link,
	    key == NULL ? "" : "-", check, d->settings->telegram_domain));
}

/* Note the chat: 1; 0 if it has been noted; -1. */
static int
note_chat(struct deciding *d, const struct member *m)
{
	char *chat;

	chat = arena_printf(d->arena, "%lld", (long long)m->chat);
	return (chat == NULL ? -1 : strmap_add(&d->chats, chat, NULL));
}

/* The chat of a final recipient, if a recipient is its address already. */
static int
note_mirrored(struct deciding *d, const struct member *m)
{
	const char *address;
	const void *seen;

	address = mirror_address(d, m);
	if (address == NULL)
		return (-1);
	if (strmap_find(&d->mirrors, address, &seen) == 1)
		return (note_chat(d, m) == -1 ? -1 : 0);
	return (0);
}

/* Add the chat of a final recipient, once for each chat (rule 7). */
static int
mirror(struct deciding *d, const struct member *m)
{
	struct decision *decision = d->decision;
	struct decided_mirror *mirrored;
	int rc;

	rc = note_chat(d, m);
	if (rc != 1)
		return (rc);
	decision->mirrored = arena_grow(d->arena, decision->mirrored,
	    decision->nmirrored, &d->mirrored_cap, sizeof(*decision->mirrored));
	if (decision->mirrored == NULL)
		return (-1);
	mirrored = &decision->mirrored[decision->nmirrored++];
	mirrored->member = m;
	mirrored->address = mirror_address(d, m);
	return (mirrored->address == NULL ? -1 : 0);
}

static bool
has_mirror(struct deciding *d, const struct member *m)
{
	return (m->link != 0 &&
	    role_mirrored(m->role, m->subscribed, &d->facts->category));
}

/* Call ${fn} for each final recipient with a chat that gets the message. */
static int
each_mirrored(
    struct deciding *d, int (*fn)(struct deciding *, const struct member *))
{
	const struct facts *facts = d->facts;
	const struct fact_recipient *r;
	size_t i, j;

	for (i = 0; i < d->message->nrecipients; i++) {
		r = &facts->recipients[i];
		if (d->decision->recipients[i].fate != FATE_KEPT)
			continue;
		for (j = 0; j < r->nmembers; j++) {
			if (facts->header != NULL &&
			    r->members[j].account != facts->header->id)
				continue;
			if (has_mirror(d, &r->members[j]) &&
			    fn(d, &r->members[j]) != 0)
				return (-1);
		}
	}
	for (i = 0; i < facts->npeople && d->decision->expanded; i++) {
		if (strmap_find(&d->final, facts->people[i].key, NULL) == 1 &&
		    has_mirror(d, &facts->people[i]) &&
		    fn(d, &facts->people[i]) != 0)
			return (-1);
	}
	return (0);
}

static int
mirror_all(struct deciding *d)
{
	if (!d->facts->category.mirrored)
		return (0);
	/* A chat of two users is the chat of either. */
	if (d->mirrors.n > 0 && each_mirrored(d, note_mirrored) != 0)
		return (-1);
	return (each_mirrored(d, mirror));
}

/* Add an account's name to a list, once. */
static int
name_account(struct names *names, const char *name)
{
	int rc;

	rc = strmap_add(&names->seen, name, NULL);
	if (rc != 1)
		return (rc);
	names->v = arena_grow(names->seen.arena, names->v, names->n,
	    &names->cap, sizeof(*names->v));
	if (names->v == NULL)
		return (-1);
	names->v[names->n++] = name;
	names->room += strlen(name) + 1;
	return (0);
}

/* List the accounts that the message is about, for the log. */
static int
name_accounts(struct deciding *d)
{
	const struct facts *facts = d->facts;
	struct names names = {.seen.arena = d->arena};
	const struct member *m;
	char *out;
	size_t i;

	for (i = 0; i < facts->naccounts; i++) {
		/* The name of an unknown account may be any text: the reason
		 * has it, this list of names must not. */
		if (facts->accounts[i]->id != 0 &&
		    name_account(&names, facts->accounts[i]->name) == -1)
			return (-1);
	}
	for (i = 0; i < facts->npeople; i++) {
		m = &facts->people[i];
		if ((i == 0 || m->account != m[-1].account) &&
		    name_account(&names, m->account_name) == -1)
			return (-1);
	}
	for (i = 0; i < d->message->nrecipients; i++) {
		m = d->decision->recipients[i].member;
		/* With a header, a dropped recipient's other accounts have
		 * nothing to do with the message. */
		if (m != NULL && facts->header == NULL &&
		    name_account(&names, m->account_name) == -1)
			return (-1);
	}
	if (names.n == 0)
		return (0);
	out = arena_alloc(d->arena, names.room);
	if (out == NULL)
		return (-1);
	d->decision->accounts = out;
	for (i = 0; i < names.n; i++) {
		if (i > 0)
			*out++ = ',';
		out = stpcpy(out, names.v[i]);
	}
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
	return (name_accounts(d));
}

/* The union of the NOTIFY of several addresses as a parameter of RCPT, NULL for
 * the MTA's default. */
static const char *
notify_text(unsigned notify)
{
	unsigned wanted = notify & ~(unsigned)NOTIFY_DEFAULT;

	if (wanted == 0 || wanted == MESSAGE_NOTIFY_NEVER)
		return (notify == MESSAGE_NOTIFY_NEVER
			? message_notify_text(MESSAGE_NOTIFY_NEVER)
			: NULL);
	/* The default is to hear of failures and delays. */
	if (notify & NOTIFY_DEFAULT)
		wanted |= MESSAGE_NOTIFY_FAILURE | MESSAGE_NOTIFY_DELAY;
	return (message_notify_text(
	    (unsigned char)(wanted & ~(unsigned)MESSAGE_NOTIFY_NEVER)));
}

/* The union of the NOTIFY of the addresses of each account named; NULL if out
 * of memory. */
static unsigned *
notify_of_accounts(struct deciding *d)
{
	const struct fact_account *account;
	unsigned *notify;
	size_t i;

	notify = arena_array(d->arena, d->facts->naccounts, sizeof(*notify));
	for (i = 0; notify != NULL && i < d->message->nrecipients; i++) {
		account = d->facts->recipients[i].account;
		if (account != NULL)
			notify[account->index] |= d->message->notify[i] == 0
			    ? NOTIFY_DEFAULT
			    : d->message->notify[i];
	}
	return (notify);
}

/* The account named with this id, as an index; naccounts if it is not named.
 * ${hint}: an index that is probably right. */
static size_t
find_named(const struct facts *facts, int64_t id, size_t hint)
{
	size_t i;

	if (hint < facts->naccounts && facts->accounts[hint]->id == id)
		return (hint);
	for (i = 0; i < facts->naccounts; i++) {
		if (facts->accounts[i]->id == id)
			break;
	}
	return (i);
}

/* Rule 8: who joins for an account's address gets its NOTIFY. */
static int
inherit_notify(struct deciding *d)
{
	const struct facts *facts = d->facts;
	const struct decision *decision = d->decision;
	struct strmap joined = {.arena = d->arena};
	const struct member *m;
	const void *found;
	unsigned *notify, *unions;
	size_t i, account = 0;

	if (d->message->notify == NULL || decision->nadded == 0)
		return (0);
	notify = notify_of_accounts(d);
	unions = arena_array(d->arena, decision->nadded, sizeof(*unions));
	if (notify == NULL || unions == NULL)
		return (-1);
	for (i = 0; i < decision->nadded; i++) {
		if (strmap_add(&joined, decision->added[i].member->key,
			&unions[i]) == -1)
			return (-1);
	}
	for (i = 0; i < facts->npeople; i++) {
		m = &facts->people[i];
		account = find_named(facts, m->account, account);
		if (account == facts->naccounts ||
		    !entitles(why_member(&facts->category, m)) ||
		    strmap_find(&joined, m->key, &found) != 1)
			continue;
		unions[(const unsigned *)found - unions] |= notify[account];
	}
	for (i = 0; i < decision->nadded; i++)
		decision->added[i].notify = notify_text(unions[i]);
	return (0);
}

/* Rule 6. */
static int
nobody_left(struct deciding *d)
{
	if (!d->account_found)
		return (leave_all(d, VERDICT_HOLD,
		    "no account could be found for any recipient"));
	d->decision->verdict = VERDICT_DISCARD;
	d->decision->reason = "nobody addressed is entitled to the category";
	return (0);
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
	size_t i;
	int rc;

	memset(decision, 0, sizeof(*decision));
	d.final.arena = d.gone.arena = d.chats.arena = d.mirrors.arena = a;
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
		if (name_accounts(&d) != 0)
			return (-1);
		return (bad_tag(&d, problem));
	}
	text = unreadable(&d);
	if (text != NULL) {
		if (name_accounts(&d) != 0)
			return (-1);
		return (leave_all(&d, VERDICT_HOLD,
		    arena_printf(a,
			"recipient %.320s cannot be read as a person's address",
			text)));
	}
	decision->verdict = VERDICT_DELIVER;
	decision->expanded = settings->expand != EXPAND_NEVER;
	d.account_found = facts->header != NULL;
	for (i = 0; i < message->nrecipients; i++) {
		if (decide_recipient(&d, i) != 0)
			return (-1);
	}
	for (i = 0; i < facts->npeople; i++) {
		if (decide_person(&d, &facts->people[i]) != 0)
			return (-1);
	}
	remove_added(&d);
	if (name_accounts(&d) != 0)
		return (-1);
	if (d.unreachable != NULL)
		return (leave_all(&d, VERDICT_HOLD,
		    arena_printf(a,
			"%s is entitled, but is in the domain of accounts or "
			"of chats",
			d.unreachable->address)));
	if (d.hazard != NULL)
		return (leave_all(&d, VERDICT_HOLD,
		    arena_printf(a, "%.320s %s", d.hazard, d.hazard_why)));
	if (fused(&d, &text) != 0)
		return (-1);
	if (text != NULL)
		return (leave_all(&d, VERDICT_HOLD,
		    arena_printf(a,
			"the MTA takes %.320s and another address for one",
			text)));
	if (decision->kept - d.always_kept + decision->nadded == 0 &&
	    (decision->kept == 0 || !d.account_found))
		return (nobody_left(&d));
	decision->stamp = facts->stamp;
	return (inherit_notify(&d) == 0 ? mirror_all(&d) : -1);
}
