/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_nopostgres - replaces db_postgres.c in a build without libpq
 */
#include <stddef.h>

#include "base/failure.h"
#include "db/db_driver.h"

static const char *expected(const char *);
static struct db *open_db(const char *, enum db_mode, int, struct failure *);

static const char *
expected(const char *url)
{
	(void)url;
	return ("a path: this program was built without PostgreSQL (libpq)");
}

static struct db *
open_db(const char *url, enum db_mode mode, int wait, struct failure *failure)
{
	(void)mode;
	(void)wait;
	failure_set(
	    failure, FAILURE_SETTINGS, "database: expected %s", expected(url));
	return (NULL);
}

/* Nothing is ever opened. */
const struct db_driver db_postgres = {
    .expected = expected,
    .open = open_db,
};
