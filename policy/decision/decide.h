/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decide - who gets a message, and why
 *
 * The rules of policy/README.md, What happens to a message, in one pure module:
 * one message's facts in, a decision with reasons out. The milter applies it,
 * `notifyctl explain` prints it.
 *
 * Threads: any. Strings and arrays are cut from the arena that is given.
 */
#ifndef DECIDE_H
#define DECIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"

struct arena;
struct category;
struct facts;
struct member;
struct message;
struct settings;

enum verdict {
	VERDICT_UNTOUCHED, /* no tag: nothing is done and nothing logged */
	VERDICT_DELIVER,
	VERDICT_DISCARD,
	VERDICT_HOLD,
	VERDICT_REJECT,
	VERDICT_TEMPFAIL,
	VERDICT_UNTRUSTED, /* delivered as it came, but without X-Notify-* */
};

enum fate {
	FATE_KEPT,
	FATE_DROPPED,
	FATE_REPLACED, /* an account's address, by the account's people */
};

/* Why a person receives the message, or does not. */
enum why {
	WHY_OWNER,
	WHY_SUBSCRIBED,
	WHY_UNKNOWN_KEPT,
	WHY_ALWAYS_KEPT,
	WHY_AS_ADDRESSED, /* the verdict leaves the recipients alone */
	WHY_ACCOUNT_ADDRESS,
	WHY_MIRROR,  /* the address of a chat, with the right check */
	WHY_DECIDED, /* the message was decided before */
	/* From here on, the person does not receive it. */
	WHY_UNKNOWN,
	WHY_OTHER_ACCOUNT,
	WHY_NOT_SUBSCRIBED,
	WHY_NOT_OPEN,
	WHY_DUPLICATE,
	WHY_NOT_EXPANDED,
	WHY_RESERVED,
};

struct decided_recipient {
	enum fate fate;
	enum why why;
	const struct member *member; /* the user meant by it, or NULL */
};

struct decided_person {
	enum why why;
	const struct member *member;
	const char *notify; /* "NOTIFY=..." to join with, or NULL */
	/* The recipient whose account's people join by "expand"; NULL for who
	 * joins because an account is named. */
	const struct member *by;
};

struct decided_mirror {
	const char *address; /* <link>-<check>@<telegram domain> */
	const struct member *member;
};

struct decision {
	enum verdict verdict;
	const char *reason;   /* NULL for DELIVER and UNTOUCHED */
	const char *category; /* slug, or NULL */
	/* The accounts' names as the roster has them, joined by commas, or
	 * NULL: the accounts named and, if no header names one, those whose
	 * users the recipients are. */
	const char *accounts;
	struct decided_recipient *recipients; /* as in the message, or NULL */
	size_t kept;
	size_t dropped;
	struct decided_person *added;
	size_t nadded;
	/* People of the accounts named, or with "expand = always" found, who
	 * are not added and are in no other list; for explanations. */
	struct decided_person *passed;
	size_t npassed;
	struct decided_mirror *mirrored;
	size_t nmirrored;
	bool undecided; /* TEMPFAIL because a lookup failed */
	/* REJECT or TEMPFAIL because of recipients in the Telegram domain: also
	 * in monitor mode. */
	bool reserved;
	bool decided; /* DELIVER: it was decided before, and stays as it is */
	bool misdecided;   /* its X-Notify-Decided headers are to be removed */
	const char *stamp; /* DELIVER: the X-Notify-Decided to add, or NULL */
};

/* decide(settings, message, facts, a, decision): 0, or -1 if out of memory. */
int decide(const struct settings *, const struct message *,
    const struct facts *, struct arena *, struct decision *) WARN_UNUSED;

/*
 * decide_leave(decision, message, verdict, reason): a verdict that leaves the
 * recipients of ${message} as they are. ${reason} NULL: out of memory.
 * decide_fail(decision, message, reason): there is no decision, only a
 * temporary failure. ${decision} may be uninitialized.
 */
void decide_leave(struct decision *, const struct message *, enum verdict,
    const char *reason);
void decide_fail(struct decision *, const struct message *, const char *reason);

/* decide_member(category, m): why ${m} gets the messages of ${category}, or
 * does not. decide_entitles(why): does it mean that somebody gets the message?
 */
enum why decide_member(const struct category *, const struct member *);
bool decide_entitles(enum why);

/* decide_verdict_name(v): as in the log. */
const char *decide_verdict_name(enum verdict);

/* decide_why(a, why, member, category): the reason in words; ${category} is a
 * slug. NULL if out of memory. */
const char *decide_why(struct arena *, enum why, const struct member *,
    const char *category) WARN_UNUSED;

/* decide_why_added(a, person, category): the same of one who is added, with the
 * recipient who was the reason. */
const char *decide_why_added(struct arena *, const struct decided_person *,
    const char *category) WARN_UNUSED;

#endif
