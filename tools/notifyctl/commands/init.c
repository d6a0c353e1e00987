/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * init - notifyctl init
 *
 * The database gets the milter's user as owner: a milter that cannot read the
 * database defers all tagged mail. Usually that user owns the directory, and
 * root acts as that user (lib/identity). In a directory that root alone can
 * change, the file is given away.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/regular.h"
#include "db/db_url.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "settings/settings.h"
#include "store/store.h"

static int give_file(const char *, const struct passwd *);
static int give_away(struct ctl *);
static int init(struct ctl *, const struct arguments *);

const struct ctl_command init_commands[] = {
    {"init", "", "create or upgrade the database", 0, 0, CTL_SETTINGS,
	.run = init},
    {.name = NULL},
};

/* 0, or -1 with errno. */
static int
give_file(const char *path, const struct passwd *pw)
{
	int fd, rc;

	fd = regular_open(path, O_RDONLY | O_NOFOLLOW, 0);
	if (fd == -1)
		return (-1);
	rc = fchown(fd, pw->pw_uid, pw->pw_gid);
	close(fd);
	return (rc);
}

static int
give_away(struct ctl *ctl)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	const struct settings *s = ctl->settings;
	const struct passwd *pw;
	const char *path;
	size_t i;

	/* Not root either if we act as the owner of the directory. */
	if (geteuid() != 0 || *s->user == '\0' || db_url_remote(s->url))
		return (0);
	pw = getpwnam(s->user);
	if (pw == NULL)
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "%s:%u: no user \"%s\" who could own the database; "
		    "expected an existing one for user in [milter]",
		    s->file, s->user_line, s->user));
	for (i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		path = arena_printf(ctl->arena, "%s%s", s->url, suffixes[i]);
		if (give_file(path, pw) != 0 && errno != ENOENT)
			return (failure_set(&ctl->failure, FAILURE_IO, "%s: %s",
			    path, strerror(errno)));
	}
	return (0);
}

static int
init(struct ctl *ctl, const struct arguments *args)
{
	mode_t mask;
	int made;

	(void)args;
	if (ctl_take_roster(ctl) != 0)
		return (-1);
	mask = umask(027);
	ctl->store = store_open(
	    ctl->settings->url, DB_CREATE, CTL_WAIT_MS, &ctl->failure);
	if (ctl->store == NULL)
		return (-1);
	made = store_upgrade(ctl->store);
	umask(mask);
	if (made == -1)
		return (store_failed(ctl->store, &ctl->failure));
	if (give_away(ctl) != 0)
		return (-1);
	ctl->committed = true;
	output_line(ctl->out, "%s: the database is %s", ctl->settings->database,
	    made == 1	    ? "made"
		: made == 2 ? "upgraded"
			    : "up to date");
	output_text(ctl->out, "database", ctl->settings->database);
	output_flag(ctl->out, "made", made == 1);
	output_flag(ctl->out, "upgraded", made == 2);
	output_number(ctl->out, "schema", STORE_SCHEMA);
	return (0);
}
