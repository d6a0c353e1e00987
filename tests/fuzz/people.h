/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * people - the roster that fuzz targets begin with
 */
#ifndef PEOPLE_H
#define PEOPLE_H

#include <stdint.h>

#include "base/failure.h"
#include "roster/membership.h"
#include "settings/settings.h"
#include "store/store.h"
#include "terms/role.h"

/* A user; the owner of an account comes first. */
struct person {
	const char *account;
	const char *address;
	enum role role;
	const char *categories; /* slugs, with a blank on both sides of each */
	int64_t chat;		/* 0: none */
};

/* Ends with a NULL account. */
extern const struct person people[];

#define PEOPLE_ACCOUNT_DOMAIN "accounts.example"
#define PEOPLE_TELEGRAM_DOMAIN "telegram.invalid"
/* Of the stamps. */
#define PEOPLE_KEY                                                             \
	"00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct fixture {
	const char *folder;
	char url[96];
	struct settings settings;
	struct arena *arena;
	struct store *store;
	struct failure failure;
	struct changes changes;
};

/* people_make(r): the users in a new database, in a directory of its own. */
void people_make(struct fixture *);

/* people_begin(r), people_end(r): begin a transaction that writes, and roll it
 * back. */
void people_begin(struct fixture *);
void people_end(struct fixture *);

#endif
