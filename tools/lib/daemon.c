/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon - what notify-milter, notify-bot and notify-telegram have in common
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "base/clock.h"
#include "base/failure.h"
#include "lib/daemon.h"
#include "settings/settings.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

/* Standard output was closed: what is printed is lost. */
static bool output_closed;

static int printed(const char *);
static int make_absolute(struct daemon_options *);

int
daemon_descriptors(void)
{
	int fd;

	/* To read a standard input that was closed must be an error: it must
	 * not be taken for an empty message or file. */
	do {
		fd = open("/dev/null", O_WRONLY);
		if (fd == STDOUT_FILENO)
			output_closed = true;
	} while (fd >= 0 && fd <= STDERR_FILENO);
	return (fd == -1 ? -1 : close(fd));
}

int
daemon_printed(void)
{
	errno = output_closed ? EBADF : EIO;
	if (output_closed)
		return (-1);
	if ((fflush(stdout) == 0 && !ferror(stdout)) || errno == EPIPE)
		return (0);
	return (-1);
}

/* All is printed: the exit status. */
static int
printed(const char *name)
{
	if (daemon_printed() == 0)
		return (EX_OK);
	fprintf(stderr, "%s: standard output: %s\n", name,
	    errno == EBADF ? "it is closed" : strerror(errno));
	return (EX_IOERR);
}

int
daemon_says(const char *name, const char *fmt, ...)
{
	va_list ap;

	signal(SIGPIPE, SIG_IGN);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	return (printed(name));
}

int
daemon_options(struct daemon_options *o, const char *name, const char *usage,
    int wrong, int argc, char **argv)
{
	int c;

	(void)daemon_descriptors();
	o->file = SETTINGS_FILE;
	while ((c = getopt(
		    argc, argv, o->may_ask ? "+c:fntvVh" : "+c:fnvVh")) != -1) {
		switch (c) {
		case 'c':
			o->file = optarg;
			break;
		case 'f':
			o->foreground = true;
			break;
		case 'n':
			o->check_only = true;
			break;
		case 't':
			o->ask = true;
			break;
		case 'v':
			o->verbose = true;
			break;
		case 'V':
			exit(daemon_says(name, "%s %s", name, VERSION));
		case 'h':
			signal(SIGPIPE, SIG_IGN);
			fputs(usage, stdout);
			exit(printed(name));
		default:
			fputs(usage, stderr);
			exit(wrong);
		}
	}
	return (optind);
}

int
daemon_user(const struct daemon_options *o, const struct settings *s,
    const struct passwd **pw, struct failure *failure)
{
	*pw = NULL;
	if (*s->user == '\0') {
		if (geteuid() != 0)
			return (0);
		return (failure_set(failure, FAILURE_SETTINGS,
		    "%s: refusing to run as root; expected a line \"user = "
		    "notify-milter\" in [milter]",
		    s->file));
	}
	*pw = getpwnam(s->user);
	if (*pw == NULL)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "%s:%u: user \"%s\" does not exist; expected an existing "
		    "user in [milter]",
		    s->file, s->user_line, s->user));
	if ((*pw)->pw_uid == 0)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "%s:%u: user = %s is root; expected one with fewer rights",
		    s->file, s->user_line, s->user));
	if (geteuid() == 0)
		return (1);
	if (geteuid() != (*pw)->pw_uid && !o->check_only && !o->ask)
		return (failure_set(failure, FAILURE_SETTINGS,
		    "%s:%u: cannot become \"%s\"; expected to be started as "
		    "root or as that user",
		    s->file, s->user_line, s->user));
	*pw = NULL;
	return (0);
}

int
daemon_become(const struct passwd *pw, struct failure *failure)
{
	umask(027);
	if (pw == NULL)
		return (0);
	if (initgroups(pw->pw_name, pw->pw_gid) != 0 ||
	    setgid(pw->pw_gid) != 0 || setuid(pw->pw_uid) != 0 ||
	    setuid(0) == 0 ||
	    /* libpq looks there for certificates and passwords. */
	    setenv("HOME", pw->pw_dir, 1) != 0)
		return (failure_set(failure, FAILURE_IO,
		    "cannot become user \"%s\": %s", pw->pw_name,
		    strerror(errno)));
	return (0);
}

/* The working directory changes in the background. Symbolic links are kept: a
 * reload follows them again. */
static int
make_absolute(struct daemon_options *o)
{
	char *directory, *path;
	int len;

	if (*o->file == '/')
		return (0);
	directory = getcwd(NULL, 0);
	if (directory == NULL)
		return (-1);
	len = asprintf(&path, "%s/%s", directory, o->file);
	free(directory);
	if (len < 0)
		return (-1);
	o->file = path;
	return (0);
}

int
daemon_background(struct daemon_options *o, struct failure *failure)
{
	if (o->foreground)
		return (0);
	if (make_absolute(o) != 0 || daemon(0, 0) != 0)
		return (failure_set(failure, FAILURE_IO,
		    "cannot go into the background: %s", strerror(errno)));
	return (0);
}

void
daemon_ready(const char *status)
{
	(void)sd_notifyf(
	    0, "READY=1\nSTATUS=%s\nMAINPID=%ld", status, (long)getpid());
}

void
daemon_reloading(void)
{
	(void)sd_notifyf(
	    0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_us());
}

void
daemon_ending(void)
{
	(void)sd_notify(0, "STOPPING=1");
}
