/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * daemon - what notify-milter, notify-bot and notify-telegram have in common:
 * their options, the user to become, and what they tell the service manager
 *
 * Threads: before any other is started, but for the daemon_ functions that
 * tell something, which any may call.
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
};

/*
 * daemon_options(o, name, usage, wrong, argc, argv):
 * Read the options (policy/README.md, Programs and settings), with something at
 * descriptors 0 to 2; answers -V and -h and
 * exits 0, and exits ${wrong} after ${usage} for what it does not know. Returns
 * the index of the first argument that is no option.
 */
int daemon_options(struct daemon_options *, const char *name, const char *usage,
    int wrong, int argc, char **argv) WARN_UNUSED;

/*
 * daemon_user(o, settings, pw, failure):
 * Whom the settings tell to run as. 1 and ${*pw} (until the next getpwnam(3)),
 * 0 and NULL to stay who we are, or -1 and ${failure}: root without `user`, a
 * user who is root or does not exist, or whom we cannot become; but who only
 * checks need not.
 */
int daemon_user(const struct daemon_options *, const struct settings *,
    const struct passwd **pw, struct failure *) WARN_UNUSED;

/* daemon_become(pw, failure): give up root for good; what is made from here on
 * has mode 0640 or less. NULL: just that. 0, or -1 and ${failure}. */
int daemon_become(const struct passwd *, struct failure *) WARN_UNUSED;

/*
 * daemon_background(o, failure):
 * Go into the background, unless the options say not to. o->file is made
 * absolute, for good. 0, or -1 and ${failure}.
 */
int daemon_background(struct daemon_options *, struct failure *) WARN_UNUSED;

/* Tell the service manager, if there is one (sd_notify(3)). */
void daemon_ready(const char *status);
void daemon_reloading(void);
void daemon_ending(void);

#endif
