/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_server - what is particular to a roster in PostgreSQL: a password in
 * the settings, and the standby that the milter asks
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
/* Clocks that differ by less are no fault, in milliseconds. */
#define CLOCKS_MS 1000
/* A mark takes less than that to get to a standby. */
#define MARK_MS 3000

static bool has_password(const char *);
static void check_secret(struct check *);
static struct store *opened(struct check *, const char *, enum db_mode);
static void useless(struct check *, const char *, const char *);
static void leave_mark(struct check *, struct store *);
static void check_clocks(struct check *, struct store *, struct store *);
static bool too_late(const struct check *, const struct db_server *);
static void check_lag(struct check *, struct store *, struct store *);
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
		"%s can be read by everybody, and a password of the "
		"database is in it",
		c->ctl->file),
	    "anybody on this machine can do with the roster what the milter or "
	    "notifyctl can; a file of its own (?passfile=PATH) is better still",
	    c->user == NULL ? check_text(c, "chmod o-r %s", file)
			    : check_text(c, "chgrp %u %s && chmod g+r,o-r %s",
				  (unsigned)c->user->pw_gid, file, file));
}

/* What the milter does about all that is wrong with a standby. */
static void
useless(struct check *c, const char *what, const char *fix)
{
	check_found(c, CHECK_WARNING, CHECK_PUT, what,
	    "the milter asks the primary in its place, which then carries all "
	    "lookups, and without that one tagged mail is deferred",
	    fix);
}

/* A store, outside transactions, or NULL when that was found. */
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
		useless(c,
		    check_text(c, "%s",
			failure_text(s == NULL ? &failure : store_failure(s))),
		    "what that says");
	failure_clear(&failure);
	store_close(s);
	return (NULL);
}

/* As the milter does. */
static void
leave_mark(struct check *c, struct store *primary)
{
	const struct store_question nothing = {.people = STORE_NOBODY};
	struct store_answer answer;

	store_mark(primary);
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
		check_found(c, CHECK_WARNING, CHECK_PUT,
		    check_text(c,
			"the clock of the standby in read_url is %lld s %s that "
			"of the primary",
			by / 1000,
			there.clock < before.clock ? "behind" : "before"),
		    "how far the standby is behind is told by both, and "
		    "max_lag is as exact as they are",
		    "both clocks right (NTP)");
}

static bool
too_late(const struct check *c, const struct db_server *server)
{
	return (server->lag == -1 || server->lag > c->settings->max_lag * 1000);
}

/* Where nothing is changed it looks late; it is, if a mark does not come. */
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
	useless(c,
	    server.lag == -1
		? check_text(c,
		      "the standby in read_url has not applied a change since "
		      "it was started")
		: check_text(c,
		      "the standby in read_url is %lld s behind, more than "
		      "max_lag (%ld s)",
		      (long long)server.lag / 1000, c->settings->max_lag),
	    "its replication to run again; on it, \"SELECT * FROM "
	    "pg_stat_wal_receiver\" and \"SELECT pg_is_wal_replay_paused()\" "
	    "tell what it waits for");
}

static void
check_standby(struct check *c, struct store *primary, struct store *standby)
{
	struct db_server server;

	if (store_server(standby, &server) != 1)
		return;
	if (!server.standby) {
		check_found(c, CHECK_WARNING, CHECK_PUT,
		    "read_url names no standby",
		    "what is no standby of url's primary, as a copy or a "
		    "replica of another kind, does not tell how old it is: "
		    "max_lag bounds nothing",
		    "a streaming standby in read_url, or no read_url");
		return;
	}
	check_lag(c, primary, standby);
	if (primary != NULL)
		check_clocks(c, primary, standby);
}

void
check_server(struct check *c)
{
	struct store *primary, *standby;

	check_secret(c);
	if (*c->settings->read_url == '\0')
		return;
	standby = opened(c, c->settings->read_url, DB_LOOKUP);
	if (standby == NULL)
		return;
	primary = opened(c, c->settings->url, DB_PRIMARY);
	check_standby(c, primary, standby);
	store_close(primary);
	store_close(standby);
}
