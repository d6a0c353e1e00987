/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_server - a roster in PostgreSQL: the password in the settings, row
 * security, and the standby of read_url
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "base/failure.h"
#include "db/db_url.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "settings/settings.h"
#include "store/store_health.h"
#include "store/store_lookup.h"

#define WAIT_MS 3000
/* A smaller difference of clocks is not reported, in milliseconds. */
#define CLOCKS_MS 1000
/* A mark reaches a standby in less time. */
#define MARK_MS 3000

static bool has_password(const char *);
static void check_secret(struct check *);
static struct store *opened(struct check *, const char *, enum db_mode);
static void unusable(struct check *, const char *, const char *);
static void leave_mark(struct check *, struct store *);
static void check_clocks(struct check *, struct store *, struct store *);
static bool too_late(const struct check *, const struct db_server *);
static void check_lag(struct check *, struct store *, struct store *);
static void check_policies(struct check *, struct store *);
static const char *kin_cure(const struct db_server *, const struct db_server *);
static bool check_kin(struct check *, struct store *, const struct db_server *);
static void check_standby(struct check *, struct store *, struct store *);

static bool
has_password(const char *url)
{
	char *public = db_url_public(url);
	bool has;

	has = public != NULL && strcmp(public, url) != 0;
	free(public);
	return (has);
}

static void
check_secret(struct check *c)
{
	const char *file = check_quote(c, c->ctl->file);
	struct stat st;

	if ((!has_password(c->settings->url) &&
		!has_password(c->settings->read_url)) ||
	    stat(c->ctl->file, &st) != 0 || (st.st_mode & S_IROTH) == 0)
		return;
	check_found(c, CHECK_WARNING, CHECK_RUN,
	    check_text(c,
		"%s is readable by everyone, and has a password of the "
		"database",
		c->ctl->file),
	    "anyone on this machine can do with the roster what the milter or "
	    "notifyctl can; a file of its own (?passfile=PATH) is better still",
	    c->user == NULL ? check_text(c, "chmod o-r %s", file)
			    : check_text(c, "chgrp %s %s && chmod g+r,o-r %s",
				  check_group(c), file, file));
}

/* The milter does not ask a standby with any fault. */
static void
unusable(struct check *c, const char *what, const char *fix)
{
	check_found(c, CHECK_WARNING, CHECK_DO, what,
	    "the milter asks the primary instead, which then carries all "
	    "lookups; while that is down too, tagged mail is deferred",
	    fix);
}

/* A store outside transactions, or NULL; for a standby with a finding. */
static struct store *
opened(struct check *c, const char *url, enum db_mode mode)
{
	struct failure failure = FAILURE_INIT;
	struct store *s;

	s = store_open(url, mode, WAIT_MS, &failure);
	if (s != NULL && store_begin(s, DB_READ) == 0) {
		store_end(s);
		return (s);
	}
	if (mode == DB_LOOKUP)
		unusable(c,
		    check_text(c, "%s",
			failure_text(s == NULL ? &failure : store_failure(s))),
		    "repair what the message names");
	failure_clear(&failure);
	store_close(s);
	return (NULL);
}

/* Commit a transaction on the primary, as the milter does. */
static void
leave_mark(struct check *c, struct store *primary)
{
	const struct store_question nothing = {.people = STORE_NOBODY};
	struct store_answer answer;

	db_mark(store_db(primary));
	(void)!store_lookup(primary, c->arena, &nothing, &answer);
}

static void
check_clocks(struct check *c, struct store *primary, struct store *standby)
{
	struct db_server before, there, after;
	long long by;

	if (store_server(primary, &before) != 1 ||
	    store_server(standby, &there) != 1 ||
	    store_server(primary, &after) != 1)
		return;
	by = there.clock < before.clock ? before.clock - there.clock
	    : there.clock > after.clock ? there.clock - after.clock
					: 0;
	if (by >= CLOCKS_MS)
		check_found(c, CHECK_WARNING, CHECK_DO,
		    check_text(c,
			"the clock of the standby in read_url is %lld s %s the "
			"clock of the primary",
			by / 1000,
			there.clock < before.clock ? "behind" : "ahead of"),
		    "the lag of the standby is computed from both clocks, so "
		    "max_lag is only as exact as they are",
		    "synchronize both clocks (NTP)");
}

static bool
too_late(const struct check *c, const struct db_server *server)
{
	return (server->lag == -1 || server->lag > c->settings->max_lag * 1000);
}

/* A standby of an idle primary looks late. It is if a mark does not arrive. */
static void
check_lag(struct check *c, struct store *primary, struct store *standby)
{
	const struct timespec pause = {.tv_nsec = 50000000};
	struct db_server server;
	int rc, i;

	rc = store_server(standby, &server);
	if (rc == 1 && too_late(c, &server) && primary != NULL) {
		leave_mark(c, primary);
		for (i = 0; rc == 1 && too_late(c, &server) && i < MARK_MS / 50;
		     i++) {
			nanosleep(&pause, NULL);
			rc = store_server(standby, &server);
		}
	}
	if (rc != 1 || !too_late(c, &server))
		return;
	unusable(c,
	    server.lag == -1
		? check_text(c,
		      "the standby in read_url has applied no change since it "
		      "was started")
		: check_text(c,
		      "the standby in read_url is %lld s behind, more than "
		      "max_lag (%ld s)",
		      (long long)server.lag / 1000, c->settings->max_lag),
	    "repair its replication; there, \"SELECT * FROM "
	    "pg_stat_wal_receiver\" and \"SELECT pg_is_wal_replay_paused()\" "
	    "show why it stopped");
}

static const char *
kin_cure(const struct db_server *own, const struct db_server *server)
{
	if (*own->system == '\0' || strcmp(own->system, server->system) != 0)
		return (
		    "name a streaming standby of url's primary in read_url");
	if (server->standby && server->timeline < own->timeline)
		return ("run CHECKPOINT on the standby: it may only have noted "
			"no failover yet. If this remains, it follows the "
			"former primary: stop that, and let the standby follow "
			"the primary in url (primary_conninfo)");
	return ("find out which of the servers is the right primary, stop the "
		"other one, and make it a standby again");
}

/* Does read_url name a server of url's cluster? */
static bool
check_kin(
    struct check *c, struct store *primary, const struct db_server *server)
{
	struct db_server own;
	const char *why;

	if (primary == NULL || store_server(primary, &own) != 1)
		return (true);
	why = db_foreign(&own, server);
	if (why == NULL)
		return (true);
	unusable(c,
	    check_text(c,
		"read_url names no standby of url: %s than that of "
		"url",
		why),
	    kin_cure(&own, server));
	return (false);
}

static void
check_standby(struct check *c, struct store *primary, struct store *standby)
{
	struct db_server server;

	if (store_server(standby, &server) != 1 ||
	    !check_kin(c, primary, &server))
		return;
	if (!server.standby) {
		check_found(c, CHECK_WARNING, CHECK_DO,
		    "read_url does not name a standby",
		    "only a streaming standby of url's primary tells its lag; "
		    "for a copy or another kind of replica max_lag has no "
		    "effect",
		    "name a streaming standby in read_url, or remove read_url");
		return;
	}
	check_lag(c, primary, standby);
	if (primary != NULL)
		check_clocks(c, primary, standby);
}

/* The owner of the tables and a superuser see all rows, and so find nothing. */
static void
check_policies(struct check *c, struct store *primary)
{
	struct db_server server;
	char *url;

	if (primary == NULL || store_server(primary, &server) != 1 ||
	    *server.row_security == '\0')
		return;
	url = db_url_public(c->settings->url);
	check_found(c, CHECK_WARNING, CHECK_DO,
	    check_text(c, "row security is on for these tables: %s",
		server.row_security),
	    "a policy hides rows from the roles of the programs; so that nobody "
	    "is taken for no user, each lookup of theirs fails, and tagged mail "
	    "is deferred",
	    check_text(c,
		"for each of them, as its owner: psql %s -c 'ALTER TABLE "
		"\"%s\".TABLE DISABLE ROW LEVEL SECURITY'",
		check_quote(c, url == NULL ? "" : url), server.schema));
	free(url);
}

void
check_server(struct check *c)
{
	struct store *primary, *standby;

	check_secret(c);
	primary = opened(c, c->settings->url, DB_PRIMARY);
	check_policies(c, primary);
	standby = *c->settings->read_url == '\0'
	    ? NULL
	    : opened(c, c->settings->read_url, DB_LOOKUP);
	if (standby != NULL)
		check_standby(c, primary, standby);
	store_close(primary);
	store_close(standby);
}
