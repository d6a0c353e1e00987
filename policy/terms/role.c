/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * role - the roles of users, and what they may do
 */
#include <stddef.h>
#include <string.h>

#include "terms/category.h"
#include "terms/role.h"

static const struct {
	const char *name;
	bool may_manage;
	bool may_link;
	bool only_open; /* receives only categories open to Subscriber */
} roles[] = {
    [ROLE_OWNER] = {"owner", true, true, false},
    [ROLE_USER_ADMIN] = {"user-admin", true, true, false},
    [ROLE_MEMBER] = {"member", false, true, false},
    [ROLE_SUBSCRIBER] = {"subscriber", false, false, true},
};

const char *
role_name(enum role role)
{
	return (roles[role].name);
}

int
role_parse(const char *name, enum role *role)
{
	size_t i;

	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(name, roles[i].name) == 0) {
			*role = (enum role)i;
			return (1);
		}
	}
	return (0);
}

bool
role_may_receive(enum role role, bool open)
{
	return (open || !roles[role].only_open);
}

bool
role_entitled(enum role role, bool subscribed, bool open)
{
	if (role == ROLE_OWNER)
		return (true);
	return (subscribed && role_may_receive(role, open));
}

bool
role_may_manage(enum role role)
{
	return (roles[role].may_manage);
}

bool
role_may_link(enum role role)
{
	return (roles[role].may_link);
}

bool
role_mirrored(enum role role, bool subscribed, const struct category *category)
{
	return (category->mirrored && role_may_link(role) &&
	    role_entitled(role, subscribed, category->open));
}
