/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_url - what [database] url names: a path, or a PostgreSQL database
 *
 * A url may hold a password; what people are shown never does, whatever is
 * wrong with the url.
 *
 * Pure. Threads: any.
 */
#ifndef DB_URL_H
#define DB_URL_H

#include <stdbool.h>

#include "base/compiler.h"

/* db_url_remote(url): is it postgresql://... or postgres://...? */
bool db_url_remote(const char *url);

/*
 * db_url_expected(url): NULL if a driver may look at it, else what is expected
 * instead (constant text).
 */
const char *db_url_expected(const char *url);

/* db_url_shown(url): what it is called in a log; yours to free. NULL for no
 * memory. */
char *db_url_shown(const char *url) WARN_UNUSED;

/* db_url_public(url): all of it but the passwords; the same as ${url} if there
 * are none in it. Yours to free; NULL for no memory. */
char *db_url_public(const char *url) WARN_UNUSED;

#endif
