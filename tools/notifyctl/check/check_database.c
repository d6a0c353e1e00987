/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_database - is the roster intact, and can the milter use it?
 */
#include <errno.h>
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
#include "lib/identity.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_health.h"
#include "store/store_lookup.h"

#define WAIT_MS 3000
#define CHECK_SECONDS 20
/* Free space below this is a warning, in MiB. */
#define ROOM_MIN 64

static const char *set_aside(struct check *);
static const char *rebuild(struct check *);
static void found_directory(
    struct check *, const char *, const char *, const char *);
static bool check_rights(struct check *);
static void check_secrecy(struct check *);
static void check_room(struct check *);
static bool can_look_up(struct check *);
static void no_rights(struct check *);
static void damaged(struct check *, const char *);
static void check_sound(struct check *);
static void leave_roster(struct check *);
static void cannot_use(struct check *, enum failure_kind, const char *);
static void check_notices(struct check *, const struct store_health *);

/* Rename the schema of the tables, and make an empty one of its name. */
static const char *
set_aside(struct check *c)
{
	struct db_server server = {.schema = "public"};
	char *url;
	const char *text;

	/* After a failure the server answers nothing in this transaction. */
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

/* Without a backup: export what can be read, and make a new database. */
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

/* An error of the roster's directory. ${command} corrects it, unless others
 * have files in it: the roster then needs another directory. */
static void
found_directory(
    struct check *c, const char *what, const char *why, const char *command)
{
	bool shared = check_shared(c, c->settings->url);

	check_found(c, CHECK_ERROR, shared ? CHECK_DO : CHECK_RUN, what, why,
	    !shared ? command
		    : check_text(c,
			  "move the roster to a directory of its own that "
			  "belongs to the milter's user, like "
			  "/var/lib/notify-milter, and set url in [database] "
			  "of %s",
			  c->ctl->file));
}

/* SQLite writes even for a reader, and creates files beside the database. */
static bool
check_rights(struct check *c)
{
	static const char *const ends[] = {"", "-wal", "-shm"};
	const char *path, *directory, *user;
	struct stat st;
	size_t i;
	int rc;

	if (c->user == NULL)
		return (false);
	user = check_quote(c, c->user->pw_name);
	directory = check_directory(c, c->settings->url);
	if (stat(directory, &st) != 0 && errno == ENOENT) {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "there is no directory %s for the database",
			directory),
		    "the milter defers all tagged mail",
		    check_text(c, "install -d -o %s -g %s -m 750 %s && %s",
			user, check_group(c), check_quote(c, directory),
			check_notifyctl(c, "init")));
		return (true);
	}
	rc = check_access(c->user, directory, W_OK | X_OK);
	if (rc > 0 && (size_t)rc < strlen(directory)) {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot search %.*s for the database",
			c->user->pw_name, rc, directory),
		    "the milter cannot open it and defers all tagged mail",
		    check_search(c, directory, rc));
		return (true);
	}
	if (rc > 0)
		found_directory(c,
		    check_text(c, "%s cannot create files in %s",
			c->user->pw_name, directory),
		    "SQLite creates files beside the database; without them "
		    "tagged mail is deferred",
		    check_text(c, "chown %s: %s && chmod u+rwx %s", user,
			check_quote(c, directory), check_quote(c, directory)));
	for (i = 0; rc != -1 && i < sizeof(ends) / sizeof(ends[0]); i++) {
		path = check_text(c, "%s%s", c->settings->url, ends[i]);
		if (stat(path, &st) != 0 ||
		    check_access(c->user, path, R_OK | W_OK) <= 0)
			continue;
		path = check_quote(c, c->settings->url);
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot read and write %s%s",
			c->user->pw_name, c->settings->url, ends[i]),
		    "the milter then defers all tagged mail",
		    check_text(c, "chown %s: %s* && chmod u+rw %s*", user, path,
			path));
		return (true);
	}
	return (rc > 0);
}

/* The roster is confidential. */
static void
check_secrecy(struct check *c)
{
	const char *directory = check_directory(c, c->settings->url);
	struct stat st;

	if (stat(directory, &st) != 0)
		return;
	if (st.st_mode & S_IWOTH) {
		found_directory(c,
		    check_text(c, "%s is writable by everyone", directory),
		    "anyone on this machine can replace the roster, and have "
		    "every customer's mail sent to themselves",
		    check_text(c, "chmod o-rwx %s", check_quote(c, directory)));
		return;
	}
	if (!(st.st_mode & S_IXOTH) || stat(c->settings->url, &st) != 0)
		return;
	if (st.st_mode & S_IWOTH)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(
			c, "%s is writable by everyone", c->settings->url),
		    "anyone on this machine can have every customer's mail "
		    "sent to themselves",
		    check_text(
			c, "chmod o-rwx %s", check_quote(c, c->settings->url)));
	else if (st.st_mode & S_IROTH)
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(
			c, "%s is readable by everyone", c->settings->url),
		    "anyone on this machine can read who the customers are",
		    check_text(c, "chmod o-rwx %s",
			check_shared(c, c->settings->url)
			    ? check_text(
				  c, "%s*", check_quote(c, c->settings->url))
			    : check_quote(c, directory)));
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
	check_found(c, room == 0 ? CHECK_ERROR : CHECK_WARNING, CHECK_DO,
	    check_text(c, "%s: %llu MiB and %llu inodes are left", directory,
		room, (unsigned long long)fs.f_favail),
	    "on a full disk the roster cannot be changed, and SQLite may fail "
	    "to read it, so that tagged mail is deferred",
	    check_text(c, "free space on the file system of %s", directory));
}

static void
check_notices(struct check *c, const struct store_health *h)
{
	long long minutes;

	minutes = ((long long)time(NULL) - h->notice_oldest) / 60;
	if (minutes < 0) /* the clock was set back */
		minutes = 0;
	if (h->notices_pending > 0)
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(c,
			"%lld notices to users are pending, the oldest for "
			"%lld minutes",
			(long long)h->notices_pending, minutes),
		    "users do not know yet that they were unsubscribed, or "
		    "wait for a link; [mail] sendmail must name a program that "
		    "accepts mail",
		    check_notifyctl(c, "notices send"));
	if (h->notices_in_doubt > 0)
		check_found(c, CHECK_WARNING, CHECK_DO,
		    check_text(c,
			"%lld notices were being handed to sendmail when "
			"notifyctl was stopped",
			(long long)h->notices_in_doubt),
		    "they may have been sent, and are not sent again",
		    "look for them in the mail log, and write to those users "
		    "yourself if they were not sent");
}

/* May the role do every lookup of the milter? */
static bool
can_look_up(struct check *c)
{
	const char *category = "services", *account = "nobody",
		   *user = "nobody@localhost";
	const struct store_question question = {.categories = {&category, 1},
	    .accounts = {&account, 1},
	    .users = {&user, 1},
	    .people = STORE_ENTITLED,
	    .others = STORE_ENTITLED};
	struct store_answer answer;

	store_end(c->store);
	return (store_lookup(c->store, c->arena, &question, &answer) == 0);
}

/* The role in url may not read everything. Is it enough for the milter? */
static void
no_rights(struct check *c)
{
	const char *text =
	    check_text(c, "%s", failure_text(store_failure(c->store)));

	if (strstr(text, "row-level security") != NULL)
		check_found(c, CHECK_ERROR, CHECK_DO, text,
		    "rows may be hidden from the role in [database] url, so "
		    "nothing is read; if that is the milter's role, it defers "
		    "tagged mail",
		    "as the owner of the table: ALTER TABLE ... DISABLE ROW "
		    "LEVEL SECURITY");
	else if (can_look_up(c))
		check_found(c, CHECK_NOTE, CHECK_DO, text,
		    "the role in [database] url may do every lookup of the "
		    "milter, but not check whether the roster is intact",
		    "run the same command where url has the role of "
		    "notifyctl");
	else
		check_found(c, CHECK_ERROR, CHECK_DO, text,
		    "the milter may not look it up either, and defers tagged "
		    "mail",
		    "grant the role what postfix-sample/fleet-grants.sql "
		    "grants");
}

/* The roster cannot be read: it is damaged or incomplete. */
static void
damaged(struct check *c, const char *why)
{
	const char *text =
	    check_text(c, "%s", failure_text(store_failure(c->store)));

	if (store_failure(c->store)->kind == FAILURE_DENIED)
		no_rights(c);
	else if (store_failure(c->store)->kind == FAILURE_BUSY)
		check_found(c, CHECK_WARNING, CHECK_RUN, text,
		    "the check was not completed", check_notifyctl(c, "check"));
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
			  "deferred; restore the last backup. Without one, run "
			  "this as the owner of the tables: it renames the old "
			  "schema, and fills new tables with what can still be "
			  "read, without Telegram links and the record of "
			  "changes. Then repeat the grants"
			: "a lookup that meets the damage fails, and the message "
			  "is deferred; restore the last backup. Without one, "
			  "this makes a new database from what can still be "
			  "read, without Telegram links and the record of "
			  "changes");
		return;
	}
	if (rc == 1)
		check_found(c, CHECK_NOTE, CHECK_RUN,
		    check_text(c, "%s is too large to be checked in %d s",
			c->settings->database, CHECK_SECONDS),
		    "no damage was found so far; there may be some in the rest",
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
	check_addresses(c);
	check_people(c);
	check_texts_categories(c);
	check_tags(c);
	check_copies_aliases(c);
	if (h.reserved > 0)
		check_setting(c, CHECK_ERROR,
		    check_text(c,
			"%lld users have addresses in account_domain or "
			"[telegram] domain",
			(long long)h.reserved),
		    "mail for their accounts is held: an address there means "
		    "an account or a chat",
		    "milter", "account_domain = a domain without mailboxes");
	check_notices(c, &h);
}

/* The database cannot be opened, or has no roster. */
static void
cannot_use(struct check *c, enum failure_kind kind, const char *text)
{
	bool remote = db_url_remote(c->settings->url);
	bool init = kind == FAILURE_SCHEMA;

	if (!remote && geteuid() != 0 && access(c->settings->url, R_OK) != 0 &&
	    errno == EACCES &&
	    (c->user == NULL || geteuid() != c->user->pw_uid)) {
		check_unseen(c, text,
		    "only root and the user of the milter can read the roster; "
		    "it was not checked");
		return;
	}
	check_found(c, CHECK_ERROR, init ? CHECK_RUN : CHECK_DO, text,
	    "the milter defers tagged mail until this is repaired",
	    init	 ? check_notifyctl(c, "init")
		: remote ? "repair what the message names"
			 : "repair what the message names, or restore the last "
			   "backup");
}

/* Close an SQLite roster with the rights that it was opened with. */
static void
leave_roster(struct check *c)
{
	if (!db_url_remote(c->settings->url)) {
		store_close(c->ctl->store);
		c->ctl->store = NULL;
	}
	identity_drop();
}

void
check_database(struct check *c)
{
	struct failure failure = FAILURE_INIT;
	bool remote = db_url_remote(c->settings->url), barred = false;
	enum failure_kind kind;
	const char *text;

	/* First, since opening the database creates files beside it. */
	if (!remote)
		barred = check_rights(c);
	if (remote ||
	    identity_take(c->settings->url, c->settings->user, &failure) == 0)
		c->ctl->store =
		    store_open(c->settings->url, DB_READ, WAIT_MS, &failure);
	c->store = c->ctl->store;
	if (c->store == NULL || store_begin(c->store, DB_READ) != 0) {
		if (c->store != NULL)
			store_failed(c->store, &failure);
		text = check_text(c, "%s", failure_text(&failure));
		kind = failure.kind;
		failure_clear(&failure);
		leave_roster(c);
		if (c->ctl->store != NULL && kind == FAILURE_DENIED)
			no_rights(c);
		else if (!barred)
			cannot_use(c, kind, text);
		c->store = NULL;
	} else {
		check_sound(c);
		store_end(c->ctl->store);
		c->store = NULL;
		leave_roster(c);
	}
	if (remote) {
		check_server(c);
	} else {
		check_secrecy(c);
		check_room(c);
	}
}
