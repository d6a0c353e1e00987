/*
 * check_database - is the roster sound, and the milter's?
 */
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "arena.h"
#include "check.h"
#include "ctl.h"
#include "output.h"
#include "settings.h"
#include "store_health.h"

#define WAIT_MS 3000

static void check_rights(struct ctl *ctl);
static void check_roster(struct ctl *ctl);

/* May the milter's user use the file, and make the files beside it? */
static void
check_rights(struct ctl *ctl)
{
	const struct settings *s = ctl->settings;
	const struct passwd *pw;
	struct stat st, dir;
	char *path, *slash;

	if (*s->user == '\0')
		return;
	pw = getpwnam(s->user);
	if (pw == NULL) {
		check_finding(ctl, CHECK_ERROR, "settings",
		    check_text(ctl, "there is no user \"%s\"", s->user),
		    check_text(ctl, "adduser --system --group %s", s->user));
		return;
	}
	path = arena_strdup(ctl->arena, s->url);
	if (path == NULL || stat(s->url, &st) != 0)
		return;
	slash = strrchr(path, '/');
	slash[slash == path] = '\0';
	if (st.st_uid != pw->pw_uid)
		check_finding(ctl, CHECK_ERROR, "database",
		    check_text(ctl,
			"%s does not belong to %s, so the milter may "
			"be unable to read it and defers tagged mail",
			s->url, s->user),
		    check_text(ctl, "chown %s: %s*", s->user, s->url));
	if (stat(path, &dir) == 0 && dir.st_uid != pw->pw_uid &&
	    !(dir.st_mode & S_IWOTH) &&
	    !(dir.st_gid == pw->pw_gid && (dir.st_mode & S_IWGRP)))
		check_finding(ctl, CHECK_ERROR, "database",
		    check_text(ctl,
			"%s cannot make files in %s, which SQLite "
			"needs beside the database",
			s->user, path),
		    check_text(ctl, "chown %s: %s", s->user, path));
}

static void
check_roster(struct ctl *ctl)
{
	struct store_health h;

	if (store_health(ctl->store, ctl->settings->telegram_domain,
		ctl->settings->account_domain, &h) == -1) {
		check_finding(ctl, CHECK_ERROR, "database",
		    check_text(
			ctl, "%s", failure_text(store_failure(ctl->store))),
		    "restore it from a backup");
		return;
	}
	check_finding(ctl, CHECK_OK, "database",
	    check_text(ctl, "%lld accounts, %lld users, %lld subscriptions",
		(long long)h.accounts, (long long)h.users,
		(long long)h.subscriptions),
	    "");
	if (h.accounts_without_owner > 0)
		check_finding(ctl, CHECK_ERROR, "roster",
		    check_text(ctl,
			"%lld accounts have no owner, so nobody may "
			"be left to get their mail",
			(long long)h.accounts_without_owner),
		    "find them with \"notifyctl account list\", name an owner "
		    "with \"notifyctl import\"");
	if (h.reserved > 0)
		check_finding(ctl, CHECK_ERROR, "roster",
		    check_text(ctl,
			"%lld users have addresses in account_domain or "
			"[telegram] domain; mail for their accounts is held",
			(long long)h.reserved),
		    "name a domain in which nobody lives, or remove these "
		    "users");
	if (h.notices_pending > 0)
		check_finding(ctl, CHECK_WARNING, "notices",
		    check_text(ctl,
			"%lld notices to users wait to be handed to "
			"sendmail",
			(long long)h.notices_pending),
		    "\"notifyctl init\" tries again; [mail] sendmail must name "
		    "a program that works");
	if (h.notices_in_doubt > 0)
		check_finding(ctl, CHECK_WARNING, "notices",
		    check_text(ctl,
			"%lld notices were being handed over when "
			"notifyctl was stopped; whether they were "
			"sent is in the mail log",
			(long long)h.notices_in_doubt),
		    "tell those users yourself if not; they are not sent "
		    "again");
}

void
check_database(struct ctl *ctl)
{
	struct failure failure = FAILURE_INIT;

	ctl->store = store_open(ctl->settings->url, DB_READ, WAIT_MS, &failure);
	if (ctl->store == NULL) {
		check_finding(ctl, CHECK_ERROR, "database",
		    check_text(ctl, "%s", failure_text(&failure)),
		    "until this is mended, tagged mail is deferred");
		failure_clear(&failure);
		return;
	}
	if (store_begin(ctl->store, DB_READ) != 0) {
		check_finding(ctl, CHECK_ERROR, "database",
		    check_text(ctl, "%s: %s", ctl->settings->url,
			failure_text(store_failure(ctl->store))),
		    "until this is mended, tagged mail is deferred");
		return;
	}
	if (store_check(ctl->store, 20) != 0)
		check_finding(ctl, CHECK_ERROR, "database",
		    check_text(
			ctl, "%s", failure_text(store_failure(ctl->store))),
		    "restore it from a backup, or \"notifyctl export\" what "
		    "can be read into a new one");
	else
		check_roster(ctl);
	store_end(ctl->store);
	check_rights(ctl);
}
