/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_settings - are the settings right, and who can change them?
 */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failure.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "notifyctl/postfix/sendmail.h"
#include "settings/settings.h"

static const char *sample(struct check *);
static void found_unread(struct check *, const char *, const char *);
static bool check_readable(struct check *);
static bool is_bare(const char *);
static void check_file(struct check *);
static void check_user(struct check *);
static void check_user_reads(struct check *);
static void check_other_mta(struct check *);
static void check_mailer(struct check *);

/* The sample that was installed with this program; NULL if there is none. */
static const char *
sample(struct check *c)
{
	static const char name[] =
	    "share/doc/notify-milter/postfix-sample/notify-milter.conf";
	const char *path;

	path = check_text(c, "%s/%s", check_directory(c, check_home(c)), name);
	return (access(path, R_OK) == 0 ? path : NULL);
}

/* ${advice}: NULL: make the file of the sample. */
static void
found_unread(struct check *c, const char *what, const char *advice)
{
	static const char why[] =
	    "the milter does not start with it, and nothing else was checked";
	const char *from = sample(c);

	if (advice == NULL && from != NULL)
		check_found(c, CHECK_ERROR, CHECK_RUN, what, why,
		    check_text(c, "install -D -m 644 %s %s",
			check_quote(c, from), check_quote(c, c->ctl->file)));
	else
		check_found(c, CHECK_ERROR, CHECK_DO, what, why,
		    advice != NULL
			? advice
			: check_text(c,
			      "copy postfix-sample/notify-milter.conf to %s, "
			      "or name the settings with -c FILE",
			      c->ctl->file));
}

/* False, and a finding, if there is no file that can be read. */
static bool
check_readable(struct check *c)
{
	static const char other[] = "name the settings with -c FILE";
	const char *file = c->ctl->file;
	char target[4096];
	struct stat st;
	ssize_t len;
	int error;

	if (stat(file, &st) == 0 && S_ISDIR(st.st_mode)) {
		found_unread(c, check_text(c, "%s is a directory", file),
		    check_text(
			c, "%s, such as the notify-milter.conf in it", other));
		return (false);
	}
	if (access(file, R_OK) == 0) {
		if (S_ISREG(st.st_mode))
			return (true);
		found_unread(c, check_text(c, "%s is not a file", file), other);
		return (false);
	}
	error = errno;
	len = readlink(file, target, sizeof(target) - 1);
	target[len < 0 ? 0 : len] = '\0';
	if (error == EACCES)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s: %s", file, strerror(error)),
		    "this user may not read the settings, and nothing was "
		    "checked",
		    check_text(c, "sudo %s", check_notifyctl(c, "check")));
	else if (len > 0)
		found_unread(c,
		    check_text(c, "%s is a symbolic link to %s: %s", file,
			target, strerror(error)),
		    check_text(c,
			"make that file, as a copy of "
			"postfix-sample/notify-milter.conf, or correct the "
			"link: ln -sfn FILE %s",
			check_quote(c, file)));
	else if (error == ENOENT)
		found_unread(c, check_text(c, "%s does not exist", file), NULL);
	else
		found_unread(
		    c, check_text(c, "%s: %s", file, strerror(error)), other);
	return (false);
}

/* Has it no line that sets anything? */
static bool
is_bare(const char *file)
{
	char line[4096];
	bool bare = true;
	FILE *in;

	in = fopen(file, "re");
	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		if (strchr("#;[\r\n", line[strspn(line, " \t")]) == NULL)
			bare = false;
	}
	if (in == NULL)
		return (false);
	fclose(in);
	return (bare);
}

/* The settings name the sendmail(1) program and the clients that may tag. */
static void
check_file(struct check *c)
{
	const char *file = c->ctl->file, *directory = check_directory(c, file);
	struct stat st;
	bool shared;

	if (is_bare(file))
		check_found(c, CHECK_WARNING, CHECK_DO,
		    check_text(c, "%s sets nothing", file),
		    "every setting has its default; a file that was emptied, "
		    "as on a full disk, looks the same",
		    "restore it, or set what postfix-sample/notify-milter.conf "
		    "explains");
	if (stat(file, &st) == 0 &&
	    (st.st_mode & S_IWOTH || (st.st_mode & S_IWGRP && st.st_gid != 0)))
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(
			c, "%s is writable by others than its owner", file),
		    "whoever can write it decides which clients may tag mail "
		    "and which programs run",
		    check_text(c, "chmod go-w %s", check_quote(c, file)));
	if (stat(directory, &st) != 0 || !(st.st_mode & S_IWOTH))
		return;
	/* Such as /tmp, which must be. */
	shared = (st.st_mode & S_ISVTX) != 0;
	check_found(c, CHECK_ERROR, shared ? CHECK_DO : CHECK_RUN,
	    check_text(c, "%s is writable by everyone", directory),
	    "anyone on this machine can replace the settings",
	    shared ? "move the settings to a directory to which only root can "
		     "write, like /etc/notify-milter"
		   : check_text(c, "chmod o-w %s", check_quote(c, directory)));
}

static void
check_user(struct check *c)
{
	const char *user = c->settings->user;
	static const char line[] = "user = notify-milter";
	const struct passwd *pw;

	if (*user == '\0') {
		check_setting(c, CHECK_WARNING, "[milter] user is not set",
		    "the milter refuses to run as root, so it does not start "
		    "at boot unless another user starts it; and the "
		    "permissions of its user cannot be checked",
		    "milter", line);
		return;
	}
	pw = check_passwd(c, user);
	if (pw == NULL) {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "user \"%s\" does not exist", user),
		    "[milter] user names it, so the milter does not start",
		    check_text(c,
			"useradd --system --home-dir /nonexistent --shell "
			"/usr/sbin/nologin %s",
			check_quote(c, user)));
		return;
	}
	if (pw->pw_uid != 0)
		c->user = pw;
	if (pw->pw_uid == 0 || strcmp(user, "postfix") == 0)
		check_setting(c, CHECK_ERROR,
		    check_text(c, "[milter] user = %s has other duties", user),
		    pw->pw_uid == 0
			? "the milter refuses to run as root"
			: "that user can read and change the mail queue, and "
			  "Postfix's pipe(8) refuses to run notify-telegram as "
			  "it",
		    "milter", line);
	else
		check_user_reads(c);
}

static void
check_user_reads(struct check *c)
{
	const char *file = c->ctl->file, *user = c->settings->user;
	int rc;

	rc = check_access(c->user, file, R_OK);
	if (rc == -1)
		check_unseen(c,
		    check_text(
			c, "the permissions of %s are not checked", user),
		    "only root, or that user, can tell whether the milter can "
		    "read and write its files");
	if (rc <= 0)
		return;
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    check_text(c, "%s cannot read %s", user, file),
	    "the milter cannot reload its settings, and notify-telegram and "
	    "notify-bot cannot start",
	    (size_t)rc == strlen(file)
		? check_text(c, "chgrp %s %s && chmod g+r %s", check_group(c),
		      check_quote(c, file), check_quote(c, file))
		: check_search(c, file, rc));
}

/* Sendmail's own settings are not checked, except for what sendmail(1) needs.
 */
static void
check_other_mta(struct check *c)
{
	if (!sendmail_is(c->settings->sendmail))
		return;
	check_found(c, CHECK_NOTE, CHECK_DO,
	    check_text(c,
		"%s is Sendmail's; check does not look at "
		"sendmail.cf",
		c->settings->sendmail),
	    "whether Sendmail asks the milter was not checked",
	    check_text(c,
		"compare with postfix-sample/sendmail.mc: %s must name S=%s "
		"with F=T",
		SENDMAIL_CF, c->settings->socket));
	if (access(SUBMIT_CF, F_OK) != 0 && errno == ENOENT)
		check_found(c, CHECK_ERROR, CHECK_DO, SUBMIT_CF " is missing",
		    "Sendmail does not ask the milter about mail from "
		    "sendmail(1), which goes out undecided",
		    "make it with FEATURE(`msp'), so that sendmail(1) hands "
		    "its mail to the daemon by SMTP");
}

static void
check_mailer(struct check *c)
{
	const char *path = c->settings->sendmail;
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	    access(path, X_OK) == 0)
		return;
	check_setting(c, CHECK_WARNING,
	    check_text(
		c, "[mail] sendmail = %s is not an executable file", path),
	    "users are not told when they are unsubscribed; the notices stay "
	    "pending",
	    "mail",
	    strcmp(path, "/usr/sbin/sendmail") == 0
		? "sendmail = /usr/lib/sendmail"
		: "sendmail = /usr/sbin/sendmail");
}

void
check_settings(struct check *c)
{
	struct failure failure = FAILURE_INIT;

	if (!check_readable(c))
		return;
	c->ctl->settings = settings_read(c->ctl->file, &failure);
	c->settings = c->ctl->settings;
	if (c->settings == NULL) {
		check_found(c, CHECK_ERROR, CHECK_DO,
		    check_text(c, "%s", failure_text(&failure)),
		    "the milter does not start, and nothing else was checked",
		    check_text(c,
			"correct %s; postfix-sample/notify-milter.conf "
			"explains each setting",
			c->ctl->file));
		failure_clear(&failure);
		return;
	}
	check_file(c);
	check_user(c);
	check_mailer(c);
	check_other_mta(c);
	if (c->settings->monitor)
		check_setting(c, CHECK_NOTE, "monitor = yes",
		    "the milter only logs its decisions: tagged mail goes to "
		    "its original recipients, entitled or not. Set it to no "
		    "when the log shows the decisions that you expect",
		    "milter", "monitor = no");
}
