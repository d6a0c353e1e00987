/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * db_url - what [database] url names: a path, or a PostgreSQL database
 *
 * A url may contain a password. What these functions return for people to see
 * does not, even if the url is malformed.
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
 * db_url_expected(url): NULL if the driver may parse it, else what is expected
 * instead (constant text).
 */
const char *db_url_expected(const char *url);

/* db_url_shown(url): ${url} for messages, yours to free; NULL if out of memory.
 */
char *db_url_shown(const char *url) WARN_UNUSED;

/* db_url_public(url): ${url} without its passwords, yours to free; NULL if out
 * of memory. */
char *db_url_public(const char *url) WARN_UNUSED;

#endif
