/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tell - mail to whoever a command took something from, or gave it to
 *
 * policy/README.md, Roles, 5. The steps of membership say what happens to a
 * person. What happens to one person in one account, step after step, becomes
 * one notice, which is recorded in the same transaction.
 *
 * Threads: as struct store. Results: 0, or -1 with changes->failure.
 */
#ifndef TELL_H
#define TELL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "settings/settings.h"
#include "terms/role.h"

struct arena;
struct category;
struct changes;
struct store_account;
struct store_user;

/* What a notice is about; of several the last of these. */
enum tell_kind {
	TELL_SUBSCRIBED,
	TELL_UNSUBSCRIBED,
	TELL_MIRRORED, /* a category comes to the chat, too */
	TELL_UNMIRRORED,
	TELL_HANDED_OVER, /* was the owner, is an administrator */
	TELL_ROLE,
	TELL_OWNER,   /* is the owner now */
	TELL_ADDRESS, /* gets mail at another address; this is the old one */
	TELL_REMOVED,
	TELL_ACCOUNT_REMOVED,
	TELL_FORGOTTEN,
	TELL_KINDS,
};

/* tell_kinds[kind]: its name in the roster. */
extern const char *const tell_kinds[TELL_KINDS];

/* The keys in the detail of a notice, which has a line "KEY VALUE" for each. */
#define TELL_LOST "lost"     /* "SLUG TITLE" of a category */
#define TELL_GAINED "gained" /* likewise */
#define TELL_ABOUT "about"   /* the description of the one before, if any */
#define TELL_CHAT "chat"     /* its link ended; why */
#define TELL_IS "role"	     /* the role now */
#define TELL_WAS "was"	     /* the role before */
#define TELL_OTHER "other"   /* the other owner; the new address */
#define TELL_ASK "ask"	     /* who may be asked, separated by ", " */

/* A text that grows. */
struct tell_text {
	char *v; /* NULL: empty */
	size_t n, cap;
};

/* The notice that is being put together. Private to tell.c, in struct
 * changes. */
struct tell_state {
	enum tell who; /* set by the program; nobody, to begin with */
	struct arena *arena;
	int64_t account_id;			  /* 0: it was pending */
	const char *account, *address, *language; /* NULL: none begun */
	enum tell_kind kind;
	bool loss;
	struct tell_text detail;
	size_t n; /* notices recorded */
};

/* Whom the users of an account may ask, as last read. To read it the database
 * looks at every user of the account, and one command may tell all of them. In
 * struct changes, which is zeroed before its first use. */
struct tell_managers {
	int64_t account; /* 0: nothing is kept */
	char text[2048];
};

/*
 * tell(c, account, user, kind, loss, key, value): this happens to ${user} now;
 * ${value} NULL: out of memory. tell_category(): likewise, of a subscription.
 */
int tell(struct changes *, const struct store_account *,
    const struct store_user *, enum tell_kind, bool loss, const char *key,
    const char *value) WARN_UNUSED;
int tell_category(struct changes *, const struct store_account *,
    const struct store_user *, enum tell_kind, bool loss,
    const struct category *) WARN_UNUSED;

/*
 * tell_put_off(c, later): set the notice that is being put together aside, if
 * there is one; ${later} is zeroed before the first time, and its arena is the
 * caller's to free. tell_resume(c, later): go on with it, if there is one,
 * after recording the present one.
 */
void tell_put_off(struct changes *, struct tell_state *later);
int tell_resume(struct changes *, struct tell_state *later) WARN_UNUSED;

/* tell_managers_changed(c, role): a user of this role came, left, or has
 * another address. If such users may be asked, they are read again. */
void tell_managers_changed(struct changes *, enum role);

/* tell_finish(c): record the last notice. Before the commit.
 * tell_forget(c): drop it, if there is one, after changes that are not made. */
int tell_finish(struct changes *) WARN_UNUSED;
void tell_forget(struct changes *);

#endif
