/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pgconn - a connection to a PostgreSQL server
 */
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "db/pgconn.h"
#include "db/pgmany.h"

/* For each host, unless the url says otherwise. */
#define CONNECT_SECONDS "3"
/* How long a server may be silent while it works on a long statement. */
#define SILENCE_MS 60000
/* How many changes are sent before their answers are read; until then these
 * must fit into the socket buffers. */
#define POSTED_MAX 1024

#define LOOKING                                                                \
	"BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY;"                      \
	"SET LOCAL idle_in_transaction_session_timeout = DEFAULT"

static void one_line(char *);
static int advise(struct pgconn *);
static void ignore_notice(void *, const char *);
static const char *wanted_server(enum db_mode);
static void connect_to(struct pgconn *, const char *, enum db_mode);
static int ask_number(struct pgconn *, const char *, int64_t *);
static int look_for_pooler(struct pgconn *);
static int look_for_names(struct pgconn *);
static int configure(struct pgconn *, enum db_mode);
static enum failure_kind kind_of(const char *);
static int wait_for(struct pgconn *, int64_t);

/* libpq's messages end with a newline, and have a line for each host. */
static void
one_line(char *s)
{
	size_t len = strlen(s);

	while (len > 0 && s[len - 1] == '\n')
		s[--len] = '\0';
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			*s = ';';
		else if ((unsigned char)*s < ' ')
			*s = ' ';
	}
}

int
pgconn_memory(struct pgconn *c)
{
	return (pgconn_note(c, FAILURE_MEMORY, "out of memory"));
}

int
pgconn_note(struct pgconn *c, enum failure_kind kind, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why.message, sizeof(c->why.message), fmt, ap);
	va_end(ap);
	one_line(c->why.message);
	c->why.kind = kind;
	return (-1);
}

/* Add to the failure what to do, where the text of libpq, the server or a
 * pooler does not say it; returns -1. */
static int
advise(struct pgconn *c)
{
	static const struct {
		const char *said, *advice;
	} known[] = {
	    {"authentication failed",
		"; check the role (PGUSER) and its password (PGPASSFILE), and "
		"auth_file of a pooler"},
	    {"hot standby",
		"; if that server was promoted, its pooler needs RECONNECT"},
	    {"session is read-only",
		"; if that server was promoted, its pooler needs RECONNECT"},
	    {"statement pooling mode",
		"; expected pool_mode = transaction or session"},
	};
	char why[sizeof(c->why.message)];
	size_t i;

	memcpy(why, c->why.message, sizeof(why));
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (strstr(why, known[i].said) == NULL)
			continue;
		return (pgconn_note(c, c->why.kind, "%.*s%s",
		    (int)(sizeof(why) - 1 - strlen(known[i].advice)), why,
		    known[i].advice));
	}
	return (-1);
}

int
pgconn_lost(struct pgconn *c)
{
	c->broken = true;
	pgconn_note(c, FAILURE_IO, "the connection was lost: %s",
	    libpq.PQerrorMessage(c->handle));
	return (advise(c));
}

/* libpq writes notices to standard error, which may be a socket. */
static void
ignore_notice(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* Which of several hosts to use. "primary" also fits a user who may only read,
 * "read-write" does not. */
static const char *
wanted_server(enum db_mode mode)
{
	switch (mode) {
	case DB_LOOKUP:
		return ("any");
	case DB_PRIMARY:
	case DB_READ:
		return ("primary");
	case DB_WRITE:
	case DB_CREATE:
		break;
	}
	return ("read-write");
}

/*
 * The url overrides the parameters before it, but not those after it. With
 * keepalives both sides notice a dead peer, and its locks are soon released.
 */
static void
connect_to(struct pgconn *c, const char *url, enum db_mode mode)
{
	const char *const names[] = {"fallback_application_name",
	    "connect_timeout", "keepalives_idle", "keepalives_interval",
	    "keepalives_count", "tcp_user_timeout", "target_session_attrs",
	    "dbname", "client_encoding", NULL};
	const char *const values[] = {program_invocation_short_name,
	    CONNECT_SECONDS, "5", "3", "3", "15000", wanted_server(mode), url,
	    "UTF8", NULL};

	c->handle = libpq.PQconnectdbParams(names, values, 1);
}

/* The number in the answer to ${sql}, of several statements. */
static int
ask_number(struct pgconn *c, const char *sql, int64_t *n)
{
	PGresult *result;
	const char *text;
	int rc = 0;

	*n = -1;
	if (libpq.PQsendQuery(c->handle, sql) != 1)
		return (pgconn_lost(c));
	while (pgconn_next(c, &result) == 0 && result != NULL) {
		text = libpq.PQgetvalue(result, 0, 0);
		if (libpq.PQresultStatus(result) == PGRES_TUPLES_OK &&
		    text != NULL)
			*n = strtoll(text, NULL, 10);
		else if (libpq.PQresultStatus(result) != PGRES_COMMAND_OK &&
		    rc == 0)
			rc = pgconn_refused(c, result);
		libpq.PQclear(result);
	}
	return (c->broken ? -1 : rc);
}

/* A pooler cancels queries itself, so it tells another process id than the
 * server's. A standby answers nothing that is serializable, by default. */
static int
look_for_pooler(struct pgconn *c)
{
	if (ask_number(
		c, LOOKING "; SELECT pg_backend_pid(); COMMIT", &c->pid) != 0)
		return (-1);
	c->pooled = c->pid != libpq.PQbackendPID(c->handle);
	return (0);
}

/*
 * Does it keep prepared statements? Then it gives them names of its own, so
 * that those of its clients differ. Without, the server would plan each
 * statement of each message again, which takes it several times as long as to
 * answer.
 */
static int
look_for_names(struct pgconn *c)
{
	char name[64], sql[200];
	int64_t same;

	/* Nobody else's, also if it is left behind. */
	snprintf(name, sizeof(name), "notify_%ld_%lld", (long)getpid(),
	    (long long)clock_us());
	if (pgconn_exec(c, LOOKING, "SET") != 0)
		return (-1);
	if (libpq.PQsendPrepare(c->handle, name, "SELECT 1", 0, NULL) != 1)
		return (pgconn_lost(c));
	snprintf(sql, sizeof(sql),
	    "SELECT count(*) FROM pg_catalog.pg_prepared_statements"
	    " WHERE name = '%s'",
	    name);
	if (pgconn_done(c, NULL) != 0 || ask_number(c, sql, &same) != 0)
		return (-1);
	c->named = same == 0;
	snprintf(sql, sizeof(sql), "DEALLOCATE %s", name);
	if (!c->named && pgconn_exec(c, sql, "DEALLOCATE") != 0)
		return (-1);
	return (pgconn_exec(c, "COMMIT", "COMMIT"));
}

const char *
pgconn_setting(const struct pgconn *c, size_t i, char text[PGCONN_SETTING])
{
	/* As configure() has them for a session, which begins as its own role.
	 */
	static const char *const fixed[] = {"SET LOCAL role = DEFAULT",
	    "SET LOCAL row_security = off", "SET LOCAL enable_hashjoin = off",
	    "SET LOCAL enable_mergejoin = off",
	    "SET LOCAL max_parallel_workers_per_gather = 0"};
	size_t n = sizeof(fixed) / sizeof(fixed[0]);

	if (i < n)
		return (fixed[i]);
	if (i == n)
		snprintf(text, PGCONN_SETTING, "SET LOCAL lock_timeout = %d",
		    c->wait);
	else if (i == n + 1)
		snprintf(text, PGCONN_SETTING,
		    "SET LOCAL statement_timeout = %d",
		    c->mode <= DB_PRIMARY ? c->wait + 500 : 0);
	else if (i == n + 2)
		return (
		    "SET LOCAL idle_in_transaction_session_timeout = DEFAULT");
	/* What is reported as done must be on the disk, and on the standbys
	 * that the server waits for. */
	else if (i == n + 3 && c->mode >= DB_WRITE)
		return ("SET LOCAL synchronous_commit = DEFAULT");
	return (i <= n + 1 ? text : NULL);
}

static int
configure(struct pgconn *c, enum db_mode mode)
{
	const char *encoding;
	char sql[1000];

	if (libpq.PQsetnonblocking(c->handle, 1) != 0)
		return (pgconn_lost(c));
	libpq.PQsetNoticeProcessor(c->handle, ignore_notice, NULL);
	encoding = libpq.PQparameterStatus(c->handle, "server_encoding");
	if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
		return (pgconn_note(c, FAILURE_SETTINGS,
		    "encoding is %s; expected a database created with "
		    "ENCODING 'UTF8'",
		    encoding == NULL ? "unknown" : encoding));
	if (look_for_pooler(c) != 0)
		return (-1);
	/* The others ask once, and end. */
	if (c->pooled)
		return (mode <= DB_PRIMARY ? look_for_names(c) : 0);
	snprintf(sql, sizeof(sql),
	    "SET lock_timeout = %d; SET statement_timeout = %d;"
	    "SET default_transaction_read_only = %s;"
	    /* For what is asked outside of transactions: a standby answers
	     * nothing that is serializable. */
	    "SET default_transaction_isolation = 'read committed';"
	    /* Rows that a policy hides would read as nobody: an error. */
	    "SET row_security = off;"
	    "SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 3;"
	    "SET tcp_keepalives_count = 3; SET tcp_user_timeout = 15000;"
	    /* Indexes lead to all our rows, a few at a time. Without
	     * statistics, minutes after an import, a server would scan
	     * whole tables for each page of users, and it does not plan
	     * again within a transaction. */
	    "SET enable_hashjoin = off; SET enable_mergejoin = off;"
	    "SET max_parallel_workers_per_gather = 0;%s",
	    /* Later than lock_timeout, whose error says more. */
	    c->wait, mode <= DB_PRIMARY ? c->wait + 500 : 0,
	    mode <= DB_READ ? "on" : "off",
	    /* Notice a dead client during a statement too. */
	    libpq.PQserverVersion(c->handle) >= 140000
		? "SET client_connection_check_interval = 1000"
		: "");
	return (pgconn_exec(c, sql, NULL));
}

int
pgconn_open(struct pgconn *c, const char *url, enum db_mode mode, int wait)
{
	c->wait = wait;
	c->mode = mode;
	c->silence = mode <= DB_PRIMARY ? wait + 1000 : SILENCE_MS;
	connect_to(c, url, mode);
	if (c->handle == NULL)
		return (pgconn_memory(c));
	if (libpq.PQstatus(c->handle) != CONNECTION_OK) {
		pgconn_note(
		    c, FAILURE_IO, "%s", libpq.PQerrorMessage(c->handle));
		return (advise(c));
	}
	return (configure(c, mode));
}

void
pgconn_close(struct pgconn *c)
{
	libpq.PQfinish(c->handle);
	c->handle = NULL;
}

bool
pgconn_quiet(const struct pgconn *c)
{
	struct pollfd fd = {.fd = libpq.PQsocket(c->handle), .events = POLLIN};

	return (!c->broken && fd.fd >= 0 && poll(&fd, 1, 0) == 0);
}

/* The kind of the SQLSTATE ${state}: BUSY if a retry may succeed. */
static enum failure_kind
kind_of(const char *state)
{
	static const char *const busy[] = {
	    "40001",	      /* conflict with another change */
	    "40P01", "53300", /* too many connections */
	    "55P03",	      /* lock timeout */
	    "57014",	      /* statement timeout */
	    "57P03",	      /* the server is starting */
	};
	size_t i;

	for (i = 0; i < sizeof(busy) / sizeof(busy[0]); i++) {
		if (strcmp(state, busy[i]) == 0)
			return (FAILURE_BUSY);
	}
	return (FAILURE_IO);
}

int
pgconn_refused(struct pgconn *c, const PGresult *result)
{
	enum failure_kind kind;
	const char *state, *text;

	state = libpq.PQresultErrorField(result, PG_DIAG_SQLSTATE);
	text = libpq.PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	/* The server's errors have a state, libpq's own do not. */
	if (state == NULL || libpq.PQstatus(c->handle) != CONNECTION_OK)
		return (pgconn_lost(c));
	kind = strcmp(state, "42501") == 0 ? FAILURE_DENIED : kind_of(state);
	if (strcmp(state, "55P03") == 0)
		return (pgconn_note(
		    c, kind, "locked by another program; try again"));
	if (strcmp(state, "57014") == 0)
		return (pgconn_note(
		    c, kind, "no answer within %d ms; try again", c->wait));
	if (strcmp(state, "25006") == 0)
		return (pgconn_note(c, kind,
		    "the server takes no changes (it is a standby); expected "
		    "the primary"));
	/* Of a partial write the text does not say why. */
	if (strcmp(state, "53100") == 0 && text != NULL)
		return (pgconn_note(
		    c, kind, "the disk of the server is full: %s", text));
	return (pgconn_note(c, kind, "%s%s", text == NULL ? "an error" : text,
	    kind == FAILURE_BUSY	 ? "; try again"
		: kind == FAILURE_DENIED ? "; expected a role that may do this"
					 : ""));
}

/* Send what is left to send, and wait for the server, until ${end}. */
static int
wait_for(struct pgconn *c, int64_t end)
{
	struct pollfd fd = {.fd = libpq.PQsocket(c->handle), .events = POLLIN};
	int64_t left;
	int rc;

	switch (libpq.PQflush(c->handle)) {
	case 0:
		break;
	case 1:
		fd.events |= POLLOUT;
		break;
	default:
		return (pgconn_lost(c));
	}
	left = end - clock_ms();
	rc = left <= 0 ? 0 : poll(&fd, 1, (int)left);
	if (rc == -1 && errno == EINTR)
		return (0);
	if (rc == 1 && (fd.revents & ~POLLOUT) == 0)
		return (0);
	if (rc == 1 && libpq.PQconsumeInput(c->handle) == 1)
		return (0);
	if (rc == 1)
		return (pgconn_lost(c));
	c->broken = true;
	if (rc == -1)
		return (
		    pgconn_note(c, FAILURE_IO, "poll: %s", strerror(errno)));
	/* A server that has let us in answers; a pooler lets everybody in. */
	return (pgconn_note(c, FAILURE_BUSY,
	    "no word from the server for %d ms%s; try again", c->silence,
	    c->pooled || c->pid <= 0
		? ", or the connection pooler has no free session "
		  "(default_pool_size) or no server"
		: ""));
}

int
pgconn_next(struct pgconn *c, PGresult **result)
{
	int64_t end;

	*result = NULL;
	if (c->broken)
		return (-1);
	end = clock_ms() + c->silence;
	while (libpq.PQisBusy(c->handle)) {
		if (wait_for(c, end) != 0)
			return (-1);
	}
	*result = libpq.PQgetResult(c->handle);
	switch (libpq.PQresultStatus(*result)) {
	case PGRES_COPY_IN:
	case PGRES_COPY_OUT:
	case PGRES_COPY_BOTH:
		/* Nothing here asks for that, and it would have no end. */
		libpq.PQclear(*result);
		*result = NULL;
		return (pgconn_lost(c));
	default:
		return (0);
	}
}

int
pgconn_finish(struct pgconn *c)
{
	PGresult *result;
	int rc;

	while ((rc = pgconn_next(c, &result)) == 0 && result != NULL)
		libpq.PQclear(result);
	return (rc);
}

int
pgconn_done(struct pgconn *c, const char *tag)
{
	PGresult *result;
	bool good = false;
	int rc = 0;

	while (pgconn_next(c, &result) == 0 && result != NULL) {
		switch (libpq.PQresultStatus(result)) {
		case PGRES_COMMAND_OK:
		case PGRES_TUPLES_OK:
			good = tag == NULL ||
			    strcmp(libpq.PQcmdStatus(result), tag) == 0;
			break;
		case PGRES_SINGLE_TUPLE:
			/* libpq may still be in the single-row mode of the
			 * statement before. */
			break;
		case PGRES_PIPELINE_ABORTED:
			rc = -1;
			break;
		default:
			if (rc == 0)
				rc = pgconn_refused(c, result);
			break;
		}
		libpq.PQclear(result);
	}
	if (c->broken || rc != 0)
		return (-1);
	if (!good)
		return (pgconn_note(
		    c, FAILURE_IO, "unexpected answer from the server"));
	return (0);
}

int
pgconn_answer(struct pgconn *c, PGresult **result)
{
	ExecStatusType status;

	if (pgconn_next(c, result) != 0)
		return (-1);
	status = libpq.PQresultStatus(*result);
	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return (pgconn_finish(c));
	if (*result == NULL)
		return (pgconn_lost(c));
	if (status != PGRES_PIPELINE_ABORTED)
		pgconn_refused(c, *result);
	libpq.PQclear(*result);
	*result = NULL;
	(void)!pgconn_finish(c);
	return (-1);
}

int
pgconn_enter(struct pgconn *c)
{
	if (c->broken)
		return (-1);
	return (libpq.PQenterPipelineMode(c->handle) == 1 ? 0 : pgconn_lost(c));
}

int
pgconn_sync(struct pgconn *c)
{
	return (libpq.PQpipelineSync(c->handle) == 1 ? 0 : pgconn_lost(c));
}

int
pgconn_synced(struct pgconn *c)
{
	PGresult *result;
	bool synced;

	if (pgconn_next(c, &result) != 0)
		return (-1);
	synced = libpq.PQresultStatus(result) == PGRES_PIPELINE_SYNC;
	libpq.PQclear(result);
	return (synced ? 0 : pgconn_lost(c));
}

int
pgconn_leave(struct pgconn *c)
{
	return (libpq.PQexitPipelineMode(c->handle) == 1 ? 0 : pgconn_lost(c));
}

int
pgconn_post(struct pgconn *c)
{
	if (c->posted == POSTED_MAX && pgconn_drain(c) != 0)
		return (-1);
	if (c->posted == 0 && pgconn_enter(c) != 0)
		return (-1);
	c->posted++;
	return (0);
}

int
pgconn_ready(struct pgconn *c)
{
	return (pgmany_send(c) == 0 ? pgconn_drain(c) : -1);
}

/* Notes the first failure; after it the server skips the rest. */
int
pgconn_drain(struct pgconn *c)
{
	int rc = 0;

	if (c->broken)
		return (-1);
	if (c->posted == 0)
		return (0);
	if (pgconn_sync(c) != 0)
		return (-1);
	for (; c->posted > 0; c->posted--) {
		if (pgconn_done(c, NULL) != 0)
			rc = -1;
	}
	if (c->broken || pgconn_synced(c) != 0 || pgconn_leave(c) != 0)
		return (-1);
	return (rc);
}

int
pgconn_exec(struct pgconn *c, const char *sql, const char *tag)
{
	if (pgconn_ready(c) != 0)
		return (-1);
	if (libpq.PQsendQuery(c->handle, sql) != 1)
		return (pgconn_lost(c));
	return (pgconn_done(c, tag));
}
