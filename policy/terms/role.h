/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * role - the roles of users, and what they may do
 *
 * policy/README.md, Roles. Pure.
 */
#ifndef ROLE_H
#define ROLE_H

#include <stdbool.h>

#include "base/compiler.h"

struct category;

enum role {
	ROLE_OWNER,
	ROLE_USER_ADMIN,
	ROLE_MEMBER,
	ROLE_SUBSCRIBER,
};

/* All role names, for messages. */
#define ROLE_NAMES "owner, user-admin, member or subscriber"

/* role_name(role): its name in the database and on the command line. */
const char *role_name(enum role);

/* role_parse(name, role): 1 and ${*role}; 0 if there is no such role. */
int role_parse(const char *, enum role *) WARN_UNUSED;

/* role_may_receive(role, open): may it subscribe to a category that is ${open}
 * to Subscribers, or is not? */
bool role_may_receive(enum role, bool open);

/* role_entitled(role, subscribed, open): does it receive the category? */
bool role_entitled(enum role, bool subscribed, bool open);

/* role_may_manage(role): may it subscribe and unsubscribe users? */
bool role_may_manage(enum role);

/* role_may_link(role): may it have a Telegram chat at all? */
bool role_may_link(enum role);

/* role_mirrored(role, subscribed, category): does a user's chat, if there is
 * one, receive the category? */
bool role_mirrored(enum role, bool subscribed, const struct category *);

#endif
