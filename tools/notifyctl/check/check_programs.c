/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_programs - which daemons run, by systemd or started by hand
 *
 * A package or `make install` replaces a program's file. systemd restarts what
 * it runs; what was started by hand goes on as the version before, and refuses
 * a roster that has been upgraded since.
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/failure.h"
#include "lib/child.h"
#include "notifyctl/check/check.h"
#include "notifyctl/check/check_programs.h"
#include "notifyctl/ctl.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

static bool succeeds(struct check *, const char *const *);
static bool systemctl(struct check *, const char *, const char *);
static bool has_unit(struct check *, const char *);
static size_t read_proc(
    struct check *, const char *, const char *, char *, size_t);
static bool has_our_settings(struct check *, const char *, char *, size_t);
static bool is_ours(struct check *, const char *, const char *);
static bool is_unit(struct check *, const char *, const char *);
static bool is_any(struct check *, const char *, const void *);
static bool is_replaced(struct check *, const char *, const void *);
static void restart(
    struct check *, const char *, const char *, const char *, const char *);
static void check_unit(struct check *, const char *);

/* Does it exit with 0? */
static bool
succeeds(struct check *c, const char *const *argv)
{
	struct child child = CHILD_INIT(argv);
	struct child_result r;
	struct failure failure = FAILURE_INIT;
	int rc;

	child.quiet = true;
	rc = child_run(c->arena, &child, &r, &failure);
	failure_clear(&failure);
	return (rc == 0 && r.status == 0);
}

static bool
systemctl(struct check *c, const char *verb, const char *program)
{
	const char *const argv[] = {
	    "systemctl", verb, check_text(c, "%s.service", program), NULL};

	return (succeeds(c, argv));
}

static bool
has_unit(struct check *c, const char *program)
{
	return (access("/run/systemd/system", F_OK) == 0 &&
	    systemctl(c, "cat", program));
}

/* Read the beginning of the file ${name} of the process whose directory is
 * ${proc}, and end it with a NUL. Its length; 0 if it cannot be read. */
static size_t
read_proc(
    struct check *c, const char *proc, const char *name, char *buf, size_t size)
{
	ssize_t len = -1;
	int fd;

	fd = open(check_text(c, "%s/%s", proc, name), O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		len = read(fd, buf, size - 1);
		close(fd);
	}
	if (len < 0)
		len = 0;
	buf[len] = '\0';
	return ((size_t)len);
}

/* Is the process whose directory is ${proc} of the unit, or was it started by
 * hand beside it? */
static bool
is_unit(struct check *c, const char *proc, const char *program)
{
	char groups[4096];

	return (read_proc(c, proc, "cgroup", groups, sizeof(groups)) > 0 &&
	    strstr(groups, check_text(c, "/%s.service", program)) != NULL);
}

/* Do the arguments of the program whose directory is ${proc} name our settings?
 * Where it is in another root, or started with a relative path, they may look
 * the same and be others. */
static bool
has_our_settings(struct check *c, const char *proc, char *args, size_t len)
{
	const char *file = SETTINGS_FILE, *word, *option;
	struct stat one, two;

	for (word = args; word < args + len; word += strlen(word) + 1) {
		option = *word == '-' ? strchr(word, 'c') : NULL;
		if (option == NULL)
			continue;
		file = option + 1;
		if (*file == '\0')
			file = word + strlen(word) + 1;
		break;
	}
	file = check_text(
	    c, "%s/%s/%s", proc, *file == '/' ? "root" : "cwd", file);
	return (stat(file, &one) == 0 && stat(c->ctl->file, &two) == 0 &&
	    one.st_dev == two.st_dev && one.st_ino == two.st_ino);
}

/* Does the process ${proc} run ${program} with our settings? */
static bool
is_ours(struct check *c, const char *proc, const char *program)
{
	char args[4096];
	const char *name;
	size_t len;

	len = read_proc(c, proc, "cmdline", args, sizeof(args) - 1);
	if (len == 0)
		return (false);
	args[len + 1] = '\0'; /* -c may be the last word */
	name = strrchr(args, '/');
	return (strcmp(name == NULL ? args : name + 1, program) == 0 &&
	    has_our_settings(c, proc, args, len));
}

const char *
check_programs_find(struct check *c, const char *program,
    bool (*test)(struct check *, const char *, const void *), const void *arg)
{
	const struct dirent *e;
	const char *proc, *found = NULL;
	DIR *d;

	d = opendir("/proc");
	while (d != NULL && found == NULL && (e = readdir(d)) != NULL) {
		if (strspn(e->d_name, "0123456789") != strlen(e->d_name))
			continue;
		proc = check_text(c, "/proc/%s", e->d_name);
		if (is_ours(c, proc, program) && test(c, proc, arg))
			found = proc;
	}
	if (d != NULL)
		closedir(d);
	return (found);
}

const char *
check_programs_start(struct check *c, const char *program)
{
	if (has_unit(c, program))
		return (check_text(c, "systemctl restart %s", program));
	if (strcmp(c->ctl->file, SETTINGS_FILE) == 0)
		return (program);
	return (
	    check_text(c, "%s -c %s", program, check_quote(c, c->ctl->file)));
}

static bool
is_any(struct check *c, const char *proc, const void *unused)
{
	(void)c;
	(void)proc;
	(void)unused;
	return (true);
}

/* ${proc}: the directory of the process, or NULL if it is not known. Another
 * milter, with settings of its own, must not end. */
static void
restart(struct check *c, const char *program, const char *proc,
    const char *what, const char *why)
{
	const char *start = check_programs_start(c, program);
	const char *process = proc == NULL
	    ? check_text(c, "$(pidof %s)", program)
	    : proc + strlen("/proc/");
	bool unit =
	    has_unit(c, program) && (proc == NULL || is_unit(c, proc, program));

	check_found(c, CHECK_ERROR, unit ? CHECK_RUN : CHECK_DO, what, why,
	    unit ? start
		 : check_text(c,
		       "kill %s, wait until it has ended (up to 10 s), then %s",
		       process, start));
}

void
check_programs_restart(
    struct check *c, const char *program, const char *what, const char *why)
{
	restart(c, program, check_programs_find(c, program, is_any, NULL), what,
	    why);
}

/* Has the file of the program that runs been removed, or replaced? Only root
 * can tell. */
static bool
is_replaced(struct check *c, const char *proc, const void *unused)
{
	static const char gone[] = " (deleted)";
	char file[4096];
	ssize_t len;

	(void)unused;
	len = readlink(check_text(c, "%s/exe", proc), file, sizeof(file) - 1);
	file[len < 0 ? 0 : len] = '\0';
	return (len >= (ssize_t)strlen(gone) &&
	    strcmp(file + len - strlen(gone), gone) == 0);
}

/* If systemd has a unit of ${program}: does it run, now and after a boot? */
static void
check_unit(struct check *c, const char *program)
{
	const char *unit = check_text(c, "%s.service", program);
	const char *enable =
	    check_text(c, "systemctl enable --now %s", program);

	if (!has_unit(c, program))
		return;
	if (!systemctl(c, "is-active", program))
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s is not active", unit),
		    "systemd does not run it", enable);
	else if (!systemctl(c, "is-enabled", program))
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(c, "%s is not enabled", unit),
		    "it does not run after the next boot", enable);
	else
		check_looked(c, unit);
}

void
check_programs(struct check *c, const char *program)
{
	const char *proc;

	proc = check_programs_find(c, program, is_replaced, NULL);
	if (proc != NULL)
		restart(c, program, proc,
		    check_text(c,
			"%s runs as process %s, whose program has been "
			"replaced since",
			program, proc + strlen("/proc/")),
		    "it is of the version before, which refuses a roster that "
		    "has been upgraded: tagged mail and chats then wait");
	check_unit(c, program);
}

void
check_running(struct check *c)
{
	const struct postconf *pc = c->postfix;
	/* It exits with 0 if no master(8) of this instance has its lock, and
	 * not for others than root. */
	const char *const argv[] = {
	    check_text(c, "%s/master", postconf_value(pc, "daemon_directory")),
	    "-c", pc->config, "-t", NULL};
	bool unit = *pc->option == '\0' && has_unit(c, "postfix");

	c->stopped = geteuid() == 0 && succeeds(c, argv);
	/* It may be set up before it is started. */
	if (c->stopped && !c->setup)
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(c, "the Postfix in %s does not run", pc->config),
		    "it takes no mail, and delivers none that is in its queue",
		    unit ? "systemctl start postfix"
			 : check_text(c, "postfix%s start", pc->option));
}
