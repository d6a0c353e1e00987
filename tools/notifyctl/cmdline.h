/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmdline - the command line of notifyctl: which command, with what
 *
 * Threads: one. What is wrong with it ends the program.
 */
#ifndef CMDLINE_H
#define CMDLINE_H

#include <stddef.h>

#include "base/compiler.h"
#include "notifyctl/ctl.h"

enum needs {
	NEEDS_NOTHING,	/* not even settings that can be read */
	NEEDS_SETTINGS, /* the command opens what it needs */
	NEEDS_READ,	/* the database, inside a transaction */
	NEEDS_WRITE,	/* the database; the command begins and ends */
};

struct ctl_command {
	const char *name;
	const char *arguments;
	const char *help;
	const char *options; /* letters of long options it takes */
	size_t min, max;     /* arguments */
	enum needs needs;
	int (*run)(struct ctl *, const struct arguments *);
};

/* The command line, as read. */
struct call {
	struct ctl ctl;
	struct arguments args;
	const struct ctl_command *command;
	char given[32]; /* letters of the options that were given */
	size_t ngiven;
};

/*
 * cmdline_read(call, argc, argv):
 * Find the command and everything for it in the words. What does not fit is
 * said, and the program ends; it ends as well after --help and --version.
 */
void cmdline_read(struct call *, int argc, char **argv);

/* cmdline_free(call) */
void cmdline_free(struct call *);

#endif
