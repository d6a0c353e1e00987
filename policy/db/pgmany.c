/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgmany - rows to insert that are collected, and sent many at a time
 *
 * "INSERT INTO t(a, b) VALUES ($1, $2)" becomes "INSERT INTO t(a, b) SELECT
 * p.p1, p.p2 FROM unnest($1::bigint[], $2::text[]) AS p(p1, p2)". Its
 * parameters are the text forms of the arrays.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "db/pgmany.h"
#include "db/pgstmt.h"

/* Rows of one statement; with all that goes with a user, some hundred users. */
#define MANY 2048

#define VALUES " VALUES ("

struct pgmany {
	struct pgstmt *one, *all;
	struct pgmany *next; /* prepared later */
	int n;		     /* rows */
	/* Of each parameter: the array so far, without its last brace. */
	FILE *streams[PGSTMT_PARAMETERS];
	char *texts[PGSTMT_PARAMETERS];
	size_t sizes[PGSTMT_PARAMETERS];
};

static const char *closing(const char *);
static char *sql_for_many(const struct pgstmt *);
static struct pgmany *begin(struct pgstmt *);
static void place(struct pgmany *);
static void empty(struct pgmany *);
static int put(struct pgmany *, int);
static int send_one(struct pgmany *);

/* The parenthesis that closes the one before ${s}; NULL if there is none. */
static const char *
closing(const char *s)
{
	int depth = 1;

	for (; *s != '\0'; s++) {
		if (*s == '\'' || *s == '"') {
			s = strchr(s + 1, *s);
			if (s == NULL)
				return (NULL);
		}
		depth += (*s == '(') - (*s == ')');
		if (depth == 0)
			return (s);
	}
	return (NULL);
}

bool
pgmany_takes(const struct pgstmt *stmt)
{
	const char *values, *end;

	if (strncmp(stmt->sql, "INSERT ", 7) != 0)
		return (false);
	values = strstr(stmt->sql, VALUES);
	end = values == NULL ? NULL : closing(values + strlen(VALUES));
	return (end != NULL &&
	    (end[1] == '\0' || strcmp(end + 1, " RETURNING id") == 0));
}

/* NULL if out of memory. */
static char *
sql_for_many(const struct pgstmt *one)
{
	const char *values = strstr(one->sql, VALUES);
	const char *s = values + strlen(VALUES), *end = closing(s);
	char *text = NULL;
	size_t size;
	FILE *out;
	int i;

	out = open_memstream(&text, &size);
	if (out == NULL)
		return (NULL);
	fprintf(out, "%.*s SELECT ", (int)(values - one->sql), one->sql);
	for (; s < end; s++)
		fprintf(out, *s == '$' ? "p.p" : "%c", *s);
	fputs(" FROM unnest(", out);
	for (i = 0; i < one->n; i++)
		fprintf(out, "%s$%d::%s[]", i == 0 ? "" : ", ", i + 1,
		    pgstmt_is_text(one, i) ? "text" : "bigint");
	fputs(") AS p(", out);
	for (i = 0; i < one->n; i++)
		fprintf(out, "%sp%d", i == 0 ? "" : ", ", i + 1);
	fputc(')', out);
	if (fclose(out) != 0) {
		free(text);
		return (NULL);
	}
	return (text);
}

/* NULL if out of memory. */
static struct pgmany *
begin(struct pgstmt *one)
{
	struct pgmany *many;
	char *sql;
	int i;

	many = calloc(1, sizeof(*many));
	sql = many == NULL ? NULL : sql_for_many(one);
	if (sql != NULL)
		many->all = pgstmt_new(
		    one->stmt.driver, one->conn, sql, one->number, "m");
	free(sql);
	if (many == NULL || many->all == NULL) {
		free(many);
		return (NULL);
	}
	many->one = one;
	one->many = many;
	place(many);
	for (i = 0; i < one->n; i++) {
		many->streams[i] =
		    open_memstream(&many->texts[i], &many->sizes[i]);
		if (many->streams[i] == NULL) {
			pgmany_free(one);
			return (NULL);
		}
	}
	return (many);
}

/* Put it into the connection's list, in the order of preparation. */
static void
place(struct pgmany *many)
{
	struct pgmany **at = &many->one->conn->many;

	while (*at != NULL && (*at)->one->number < many->one->number)
		at = &(*at)->next;
	many->next = *at;
	*at = many;
}

void
pgmany_free(struct pgstmt *one)
{
	struct pgmany *many = one->many, **at = &one->conn->many;
	int i;

	if (many == NULL)
		return;
	while (*at != many)
		at = &(*at)->next;
	*at = many->next;
	for (i = 0; i < PGSTMT_PARAMETERS; i++) {
		if (many->streams[i] != NULL)
			fclose(many->streams[i]);
		free(many->texts[i]);
	}
	pgstmt_free(many->all);
	free(many);
	one->many = NULL;
}

static void
empty(struct pgmany *many)
{
	int i;

	many->n = 0;
	for (i = 0; i < many->one->n; i++)
		rewind(many->streams[i]);
}

/* Append parameter ${i} of the row to its array: 0 or -1. */
static int
put(struct pgmany *many, int i)
{
	const char *s = many->one->values[i];
	FILE *out = many->streams[i];

	putc_unlocked(many->n == 0 ? '{' : ',', out);
	if (s == NULL) {
		fputs("NULL", out);
	} else {
		putc_unlocked('"', out);
		for (; *s != '\0'; s++) {
			if (*s == '"' || *s == '\\')
				putc_unlocked('\\', out);
			putc_unlocked(*s, out);
		}
		putc_unlocked('"', out);
	}
	return (ferror(out) ? -1 : 0);
}

int
pgmany_add(struct pgstmt *one)
{
	struct pgmany *many = one->many;
	int i;

	if (many == NULL)
		many = begin(one);
	for (i = 0; many != NULL && i < one->n; i++) {
		if (put(many, i) != 0)
			many = NULL;
	}
	if (many == NULL)
		return (pgconn_memory(one->conn));
	return (++many->n < MANY ? 0 : pgmany_send(one->conn));
}

static int
send_one(struct pgmany *many)
{
	int i;

	for (i = 0; i < many->one->n; i++) {
		putc_unlocked('}', many->streams[i]);
		putc_unlocked('\0', many->streams[i]);
		if (fflush(many->streams[i]) != 0)
			return (pgconn_memory(many->one->conn));
		pgstmt_bind_text(&many->all->stmt, i + 1, many->texts[i]);
	}
	if (pgstmt_post_now(many->all) != 0)
		return (-1);
	empty(many);
	return (0);
}

int
pgmany_send(struct pgconn *c)
{
	struct pgmany *many = c->many;
	int rc;

	while (many != NULL && many->n == 0)
		many = many->next;
	if (many == NULL)
		return (0);
	/* The server works on what was sent before while more is collected. */
	rc = pgconn_drain(c);
	for (; rc == 0 && many != NULL; many = many->next) {
		if (many->n > 0)
			rc = send_one(many);
	}
	return (rc);
}

void
pgmany_forget(struct pgconn *c)
{
	struct pgmany *many;

	for (many = c->many; many != NULL; many = many->next)
		empty(many);
}
