/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_tables - the tables of header checks, body checks and access maps, read
 * as text
 *
 * Threads: one. Strings live as long as the command.
 */
#ifndef CHECK_TABLES_H
#define CHECK_TABLES_H

struct check;
struct postconf_service;

struct check_table {
	const struct postconf_service *service;
	const char *name; /* of the setting that names it */
	const char *map;  /* "regexp:/etc/postfix/checks" */
	const char *path; /* of a file; NULL: the setting has the entries */
};

/* Called with a line of a file, or with all of a table in a setting. */
typedef void check_line(
    struct check *, const struct check_table *, const char *line);

/* check_tables(c, each): call each() for all lines of the tables that each
 * cleanup(8) and smtpd(8) uses. A table that cannot be read is left out. */
void check_tables(struct check *, check_line *each);

/* check_tables_of(c, service, name, each): the same for the tables in the
 * setting ${name} of one service. */
void check_tables_of(struct check *, const struct postconf_service *,
    const char *name, check_line *each);

/* check_tables_action(line, action): what follows the ${action} in ${line};
 * NULL if it has none. */
const char *check_tables_action(const char *line, const char *action);

#endif
