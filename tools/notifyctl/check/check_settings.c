/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_settings - are the settings what they should be, and who may change
 * them?
 */
#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/failure.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "settings/settings.h"

static void check_file(struct check *);
static void check_user(struct check *);
static void check_mailer(struct check *);
static void check_monitor(struct check *);

/* Whoever writes the settings names the program that is run as sendmail(1) and
 * the clients whose tags are honoured. */
static void
check_file(struct check *c)
{
	const char *file = c->ctl->file, *directory;
	struct stat st;

	if (stat(file, &st) == 0 &&
	    (st.st_mode & S_IWOTH || (st.st_mode & S_IWGRP && st.st_gid != 0)))
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(
			c, "%s can be written by others than its owner", file),
		    "whoever writes it decides whose tags are honoured and "
		    "which programs are run",
		    check_text(c, "chmod go-w %s", check_quote(c, file)));
	directory = check_directory(c, file);
	if (stat(directory, &st) == 0 && st.st_mode & S_IWOTH)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s can be written by everybody", directory),
		    "whoever writes there can put settings of their own in the "
		    "place of these",
		    check_text(c, "chmod o-w %s", check_quote(c, directory)));
}

static void
check_user(struct check *c)
{
	const struct settings *s = c->settings;
	size_t hindrance;
	const char *path;
	int rc;

	if (*s->user == '\0') {
		check_found(c, CHECK_WARNING, CHECK_PUT,
		    "[milter] user is not set",
		    "the milter refuses to run as root, so it does not start "
		    "at boot unless it is started as another user; and nothing "
		    "can be said of that user's rights",
		    check_setting(c, "milter", "user = notify-milter"));
		return;
	}
	c->user = check_passwd(c, s->user);
	if (c->user == NULL) {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "there is no user \"%s\"", s->user),
		    "[milter] user names it, so the milter does not start",
		    check_text(c,
			"useradd --system --home-dir /nonexistent --shell "
			"/usr/sbin/nologin %s",
			check_quote(c, s->user)));
		return;
	}
	if (c->user->pw_uid == 0 || strcmp(s->user, "postfix") == 0) {
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(
			c, "[milter] user = %s has other duties", s->user),
		    c->user->pw_uid == 0
			? "the milter refuses to run as root"
			: "that user may read and change the whole mail queue, "
			  "and Postfix's pipe(8) refuses to run notify-telegram "
			  "as it",
		    check_setting(c, "milter", "user = notify-milter"));
		if (c->user->pw_uid == 0)
			c->user = NULL;
		return;
	}
	rc = check_access(c->user, c->ctl->file, R_OK);
	if (rc == -1) {
		check_unseen(c,
		    check_text(c, "what %s may do is not looked at", s->user),
		    "only root, or that user, can tell whether the milter can "
		    "read and write what it must");
		return;
	}
	hindrance = (size_t)rc;
	if (hindrance == 0)
		return;
	path = check_text(c, "%.*s", (int)hindrance, c->ctl->file);
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    check_text(c, "%s cannot read %s", s->user, c->ctl->file),
	    "the milter cannot reload its settings, and notify-telegram and "
	    "notify-bot cannot start",
	    hindrance == strlen(c->ctl->file)
		? check_text(c, "chgrp %u %s && chmod g+r %s",
		      (unsigned)c->user->pw_gid, check_quote(c, path),
		      check_quote(c, path))
		: check_text(c, "chmod o+x %s", check_quote(c, path)));
}

/* Can users be told that they are unsubscribed? */
static void
check_mailer(struct check *c)
{
	const char *path = c->settings->sendmail, *theirs;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0)
		return;
	theirs = strcmp(path, "/usr/sbin/sendmail") == 0 ? "/usr/lib/sendmail"
							 : "/usr/sbin/sendmail";
	check_found(c, CHECK_WARNING, CHECK_PUT,
	    check_text(
		c, "[mail] sendmail: %s is no program that can be run", path),
	    "users are not told when they are unsubscribed; the notices wait",
	    check_setting(c, "mail", check_text(c, "sendmail = %s", theirs)));
}

static void
check_monitor(struct check *c)
{
	if (!c->settings->monitor)
		return;
	check_found(c, CHECK_NOTE, CHECK_PUT, "monitor = yes",
	    "every decision is only logged: tagged mail goes to whomever it "
	    "was addressed, entitled or not; that is to end when the log shows "
	    "what you would have done",
	    check_setting(c, "milter", "monitor = no"));
}

bool
check_settings(struct check *c)
{
	struct failure failure = FAILURE_INIT;

	c->ctl->settings = settings_read(c->ctl->file, &failure);
	c->settings = c->ctl->settings;
	if (c->settings == NULL) {
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c, "%s", failure_text(&failure)),
		    "the milter does not start, and nothing else can be looked "
		    "at",
		    check_text(c,
			"what that says, in %s; postfix-sample/notify-milter.conf "
			"explains each setting",
			c->ctl->file));
		failure_clear(&failure);
		return (false);
	}
	check_file(c);
	check_user(c);
	check_mailer(c);
	check_monitor(c);
	return (true);
}
