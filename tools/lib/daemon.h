/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon - what notify-milter, notify-bot and notify-telegram have in common:
 * their options, the user to become, and reports to the service manager
 *
 * Threads: any may report to the service manager; call the rest before threads
 * start.
 */
#ifndef DAEMON_H
#define DAEMON_H

#include <stdbool.h>

#include "base/compiler.h"

struct failure;
struct passwd;
struct settings;

struct daemon_options {
	const char *file; /* the settings */
	bool foreground;
	bool check_only;
	bool verbose;
	bool may_ask; /* set before: there is an option -t, */
	bool ask;     /* which was given */
};

/* daemon_descriptors(): open descriptors 0 to 2 if they are closed: if a socket
 * or the database got descriptor 2, messages would be written to it. Nothing
 * can be read from a standard input that was closed. 0, or -1 with errno. */
int daemon_descriptors(void);

/* daemon_printed(): has all arrived that was printed? 0 also if the reader has
 * closed the pipe, as head(1) does; else -1 with errno, EBADF if standard
 * output was closed from the start. */
int daemon_printed(void) WARN_UNUSED;

/* daemon_says(name, fmt, ...): print a line, the last of the program ${name}.
 * The exit status. */
int daemon_says(const char *name, const char *, ...)
    PRINTF_LIKE(2, 3) WARN_UNUSED;

/*
 * daemon_options(o, name, usage, wrong, argc, argv):
 * Read the options (policy/README.md, Programs and settings), and make sure
 * that descriptors 0 to 2 are open. For -V and -h it prints and exits, with 74
 * if that cannot be printed, else 0; for an unknown option it prints ${usage}
 * and exits ${wrong}. Returns the index of the first argument that is not an
 * option.
 */
int daemon_options(struct daemon_options *, const char *name, const char *usage,
    int wrong, int argc, char **argv) WARN_UNUSED;

/*
 * daemon_user(o, settings, pw, failure):
 * The user to run as. 1 and ${*pw} (until the next getpwnam(3)); 0 and NULL to
 * stay the same user; or -1 and ${failure}: `user` is not set and we are root,
 * or it is root, does not exist, or is a user that we cannot become (with
 * o->check_only that is no failure).
 */
int daemon_user(const struct daemon_options *, const struct settings *,
    const struct passwd **pw, struct failure *) WARN_UNUSED;

/* daemon_become(pw, failure): give up root for good, unless ${pw} is NULL;
 * files made from now on have mode 0640 or less. 0, or -1 and ${failure}. */
int daemon_become(const struct passwd *, struct failure *) WARN_UNUSED;

/*
 * daemon_background(o, failure):
 * Go into the background, unless o->foreground. o->file becomes an absolute
 * path, which is never freed. 0, or -1 and ${failure}.
 */
int daemon_background(struct daemon_options *, struct failure *) WARN_UNUSED;

/* Tell the service manager, if there is one (sd_notify(3)). daemon_ready() may
 * be called again, with another ${status}: one line, which systemctl(1) shows.
 */
void daemon_ready(const char *status);
void daemon_reloading(void);
void daemon_ending(void);

#endif
