/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * member - a user of an account, with what a decision about one message needs
 *
 * Strings are borrowed.
 */
#ifndef MEMBER_H
#define MEMBER_H

#include <stdbool.h>
#include <stdint.h>

#include "terms/role.h"

struct member {
	int64_t account;
	const char *account_name;
	const char *address; /* as the roster has it */
	const char *key;     /* of the address */
	enum role role;
	bool subscribed; /* to the category of the message */
	bool named;	 /* its account is one that the message names */
	int64_t link;	 /* 0: no Telegram chat */
	int64_t chat;
};

#endif
