/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_database - is the roster sound, and can the milter use it?
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/failure.h"
#include "db/db_url.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "settings/settings.h"
#include "store/store_health.h"
#include "store/store_lookup.h"

#define WAIT_MS 3000
#define CHECK_SECONDS 20
/* Less room than this is soon none, in MiB. */
#define ROOM_MIN 64

static const char *set_aside(struct check *);
static const char *rebuild(struct check *);
static void check_rights(struct check *);
static void check_secrecy(struct check *);
static void check_room(struct check *);
static bool can_look_up(struct check *);
static void no_rights(struct check *);
static void damaged(struct check *, const char *);
static void check_sound(struct check *);
static void cannot_use(struct check *, enum failure_kind, const char *);
static void check_notices(struct check *, const struct store_health *);

/* The tables lie in a schema; another takes its place, and its name. */
static const char *
set_aside(struct check *c)
{
	struct db_server server = {.schema = "public"};
	char *url;
	const char *text;

	/* After a failure the server answers nothing before the end. */
	store_end(c->store);
	(void)!store_server(c->store, &server);
	url = db_url_public(c->settings->url);
	text = check_text(c,
	    "psql %s -c 'ALTER SCHEMA \"%s\" RENAME TO \"%s_damaged\"' "
	    "-c 'CREATE SCHEMA \"%s\"'",
	    check_quote(c, url == NULL ? "" : url), server.schema,
	    server.schema, server.schema);
	free(url);
	return (text);
}

/* What is left to do when there is no backup. */
static const char *
rebuild(struct check *c)
{
	const char *url = check_quote(c, c->settings->url);

	if (db_url_remote(c->settings->url))
		return (check_text(c, "%s > roster.csv && %s && %s && %s",
		    check_notifyctl(c, "export"), set_aside(c),
		    check_notifyctl(c, "init"),
		    check_notifyctl(c, "import roster.csv")));
	return (check_text(c,
	    "%s > roster.csv && mv %s %s.damaged && rm -f %s-wal %s-shm && %s "
	    "&& %s",
	    check_notifyctl(c, "export"), url, url, url, url,
	    check_notifyctl(c, "init"),
	    check_notifyctl(c, "import roster.csv")));
}

/* SQLite needs to write, for the milter too, and to make files beside it. */
static void
check_rights(struct check *c)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	const char *path, *directory, *user;
	struct stat st;
	size_t i;
	int rc;

	if (c->user == NULL)
		return;
	user = check_quote(c, c->user->pw_name);
	directory = check_directory(c, c->settings->url);
	rc = check_access(c->user, directory, W_OK | X_OK);
	if (rc > 0 && (size_t)rc < strlen(directory)) {
		path = check_text(c, "%.*s", rc, directory);
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot get through %s to the database",
			c->user->pw_name, path),
		    "the milter cannot open it and defers all tagged mail",
		    check_text(c, "chmod o+x %s", check_quote(c, path)));
		return;
	}
	if (rc > 0)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot make files in %s",
			c->user->pw_name, directory),
		    "SQLite needs that beside the database; tagged mail is "
		    "deferred when it comes to it",
		    check_text(
			c, "chown %s: %s", user, check_quote(c, directory)));
	for (i = 0; rc != -1 && i < sizeof(ends) / sizeof(ends[0]); i++) {
		path = check_text(c, "%s%s", c->settings->url, ends[i]);
		if (stat(path, &st) != 0 ||
		    check_access(c->user, path, R_OK | W_OK) <= 0)
			continue;
		path = check_quote(c, c->settings->url);
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot read and write %s%s",
			c->user->pw_name, c->settings->url, ends[i]),
		    "the milter defers all tagged mail when it must and "
		    "cannot",
		    check_text(c, "chown %s: %s* && chmod u+rw %s*", user, path,
			path));
		return;
	}
}

/* Who is a customer, and whose, is nobody else's business. */
static void
check_secrecy(struct check *c)
{
	const char *directory = check_directory(c, c->settings->url);
	struct stat st;

	if (stat(directory, &st) != 0)
		return;
	if (st.st_mode & S_IWOTH) {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s can be written by everybody", directory),
		    "anybody on this machine can put another roster there, and "
		    "be sent every customer's mail",
		    check_text(c, "chmod o-rwx %s", check_quote(c, directory)));
		return;
	}
	if (!(st.st_mode & S_IXOTH) || stat(c->settings->url, &st) != 0)
		return;
	if (st.st_mode & S_IWOTH)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(
			c, "%s can be written by everybody", c->settings->url),
		    "anybody on this machine can have every customer's mail "
		    "sent to themselves",
		    check_text(
			c, "chmod o-rwx %s", check_quote(c, c->settings->url)));
	else if (st.st_mode & S_IROTH)
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(
			c, "%s can be read by everybody", c->settings->url),
		    "anybody on this machine can read who the customers are",
		    check_text(c, "chmod o-rwx %s", check_quote(c, directory)));
}

static void
check_room(struct check *c)
{
	const char *directory = check_directory(c, c->settings->url);
	struct statvfs fs;
	unsigned long long room;

	if (statvfs(directory, &fs) != 0)
		return;
	room = (unsigned long long)fs.f_bavail * fs.f_frsize >> 20;
	if (room >= ROOM_MIN && (fs.f_files == 0 || fs.f_favail > 100))
		return;
	check_found(c, room == 0 ? CHECK_ERROR : CHECK_WARNING, CHECK_PUT,
	    check_text(c, "%s: %llu MiB and %llu files more, then it is full",
		directory, room, (unsigned long long)fs.f_favail),
	    "a full disk takes no change to the roster, and SQLite may then be "
	    "unable to read it, so that tagged mail is deferred",
	    check_text(c, "room on the file system of %s", directory));
}

static void
check_notices(struct check *c, const struct store_health *h)
{
	long long minutes;

	minutes = ((long long)time(NULL) - h->notice_oldest) / 60;
	if (minutes < 0) /* the clock was put back */
		minutes = 0;
	if (h->notices_pending > 0)
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(c,
			"%lld notices to users wait to be handed to sendmail, "
			"the oldest for %lld minutes",
			(long long)h->notices_pending, minutes),
		    "users do not know yet that they were unsubscribed; "
		    "[mail] sendmail must name a program that works",
		    check_notifyctl(c, "init"));
	if (h->notices_in_doubt > 0)
		check_found(c, CHECK_WARNING, CHECK_PUT,
		    check_text(c,
			"%lld notices were being handed over when notifyctl "
			"was stopped",
			(long long)h->notices_in_doubt),
		    "whether they were sent is in the mail log; they are not "
		    "sent again, since nobody should be told twice",
		    "a mail of your own to those users, if they were not");
}

/* Is all answered that the milter asks? */
static bool
can_look_up(struct check *c)
{
	const char *category = "services", *account = "nobody",
		   *user = "nobody@localhost";
	const struct store_question question = {.categories = {&category, 1},
	    .accounts = {&account, 1},
	    .users = {&user, 1},
	    .people = STORE_ENTITLED,
	    .also_theirs = true};
	struct store_answer answer;

	store_end(c->store);
	return (store_lookup(c->store, c->arena, &question, &answer) == 0);
}

/* The role in the url may not read all: enough for the milter, or not. */
static void
no_rights(struct check *c)
{
	const char *text =
	    check_text(c, "%s", failure_text(store_failure(c->store)));

	if (can_look_up(c))
		check_found(c, CHECK_NOTE, CHECK_PUT, text,
		    "the role in [database] url may look up all that the milter "
		    "asks, and not what this looks for: whether the roster is "
		    "sound",
		    "the same command where the url has notifyctl's role");
	else
		check_found(c, CHECK_ERROR, CHECK_PUT, text,
		    "the milter may not look it up either and defers tagged mail",
		    "what the role may do, as postfix-sample/fleet-grants.sql "
		    "has it");
}

/* The roster cannot be read: damaged, or not all of it is there. */
static void
damaged(struct check *c, const char *why)
{
	const char *text =
	    check_text(c, "%s", failure_text(store_failure(c->store)));

	if (store_failure(c->store)->kind == FAILURE_DENIED)
		no_rights(c);
	else if (store_failure(c->store)->kind == FAILURE_BUSY)
		check_found(c, CHECK_WARNING, CHECK_RUN, text,
		    "it was not looked at to the end",
		    check_notifyctl(c, "check"));
	else
		check_found(c, CHECK_ERROR, CHECK_RUN, text, why, rebuild(c));
	c->store = NULL;
}

static void
check_sound(struct check *c)
{
	struct store_health h;
	bool remote = db_url_remote(c->settings->url);
	int rc;

	rc = store_check(c->store, CHECK_SECONDS);
	if (rc == -1) {
		damaged(c,
		    remote
			? "a lookup that needs it fails, and the message is "
			  "deferred; restore the last backup. Without one, what "
			  "can still be read makes new tables, which lack "
			  "Telegram links and the record of changes; the old "
			  "ones are set aside. That takes their owner, and what "
			  "was granted on them is to be granted anew"
			: "a lookup that meets the damage fails, and the message "
			  "is deferred; restore the last backup. Without one, "
			  "what can still be read makes a new database, which "
			  "lacks Telegram links and the record of changes");
		return;
	}
	if (rc == 1)
		check_found(c, CHECK_NOTE, CHECK_RUN,
		    check_text(c, "%s is too large to be read whole in %d s",
			c->settings->database, CHECK_SECONDS),
		    "what was read is sound; damage may be in the rest",
		    check_text(c,
			"sqlite3 -readonly %s 'PRAGMA integrity_check'",
			check_quote(c, c->settings->url)));
	if (store_health(c->store, c->settings->telegram_domain,
		c->settings->account_domain, &h) != 1) {
		damaged(c,
		    "the milter defers tagged mail; restore the last backup");
		return;
	}
	c->links = h.links > 0;
	check_looked(c,
	    check_text(c,
		"database %s (%lld accounts, %lld users, %lld subscriptions, "
		"%lld chats)",
		c->settings->database, (long long)h.accounts,
		(long long)h.users, (long long)h.subscriptions,
		(long long)h.links));
	check_people(c);
	if (h.reserved > 0)
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c,
			"%lld users have addresses in account_domain or "
			"[telegram] domain",
			(long long)h.reserved),
		    "mail for their accounts is held: what is addressed there "
		    "means an account or a chat",
		    check_setting(c, "milter",
			"account_domain = a domain in which nobody lives"));
	check_notices(c, &h);
}

/* The database cannot be opened, or there is no roster in it. */
static void
cannot_use(struct check *c, enum failure_kind kind, const char *text)
{
	bool remote = db_url_remote(c->settings->url);
	bool init = kind == FAILURE_SCHEMA;

	if (!remote && geteuid() != 0 && access(c->settings->url, R_OK) != 0 &&
	    errno == EACCES &&
	    (c->user == NULL || geteuid() != c->user->pw_uid)) {
		check_unseen(c, text,
		    "the roster is nobody's business but the milter's; it is "
		    "not looked at");
		return;
	}
	check_found(c, CHECK_ERROR, init ? CHECK_RUN : CHECK_PUT, text,
	    "until this is mended, the milter defers tagged mail",
	    init	 ? check_notifyctl(c, "init")
		: remote ? "what that says"
			 : "what that says, or the last backup in its place");
}

void
check_database(struct check *c)
{
	struct failure failure = FAILURE_INIT;
	bool remote = db_url_remote(c->settings->url);
	enum failure_kind kind;
	const char *text;

	c->part = "database";
	/* Before files are made beside it by this program's looking. */
	if (!remote)
		check_rights(c);
	c->ctl->store =
	    store_open(c->settings->url, DB_READ, WAIT_MS, &failure);
	c->store = c->ctl->store;
	if (c->store == NULL || store_begin(c->store, DB_READ) != 0) {
		if (c->store != NULL)
			store_failed(c->store, &failure);
		text = check_text(c, "%s", failure_text(&failure));
		kind = failure.kind;
		failure_clear(&failure);
		if (c->store != NULL && kind == FAILURE_DENIED)
			no_rights(c);
		else
			cannot_use(c, kind, text);
		c->store = NULL;
	} else {
		check_sound(c);
		store_end(c->ctl->store);
		c->store = NULL;
	}
	if (remote) {
		check_server(c);
	} else {
		check_secrecy(c);
		check_room(c);
	}
}
