/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl - what the commands of notifyctl share
 *
 * A command is one entry in the table of its family's file. It gets a struct
 * ctl with everything opened that the entry asks for, does its work, fills the
 * output, and returns 0, or -1 with ctl->failure. It prints nothing itself.
 *
 * Threads: one.
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/compiler.h"
#include "base/failure.h"
#include "db/db.h"
#include "roster/membership.h"

struct arena;
struct arguments;
struct ctl_command;
struct output;
struct settings;
struct store;

struct ctl {
	const char *file; /* of settings */
	const char *as;	  /* --as or $NOTIFYCTL_AS; NULL: the operator acts */
	bool json;
	bool no_tell; /* --no-tell: nobody is mailed */
	struct settings *settings;
	struct store *store;
	struct arena *arena; /* never out of memory: notifyctl ends first */
	struct output *out;
	struct failure failure;
	struct changes changes;
	const struct ctl_command *command;
	const struct arguments *args;
	/* The address of the one user whom the command may show, or NULL. */
	const char *oneself;
	bool committed; /* changes were: notices may wait */
	bool scrub;	/* what was deleted must not be readable afterwards */
	int status;	/* exit code of a command that returned 0 */
};

/* An option of a command: --name, or --name VALUE. */
struct ctl_option {
	const char *name;
	const char *value; /* the word for it in the usage; NULL: takes none */
	bool repeated;	   /* may be given several times: each counts */
	const char *required; /* the error without it; NULL: may be left out */
};

/* An option that was given. */
struct ctl_given {
	const struct ctl_option *option; /* NULL behind the last one */
	const char *value;
};

/* The words behind the command, and its options. */
struct arguments {
	char **v;
	size_t n;
	struct ctl_given *given;
};

enum ctl_needs {
	CTL_NOTHING,  /* not even settings that can be read */
	CTL_SETTINGS, /* the command opens what it needs */
	CTL_READ,     /* the database, inside a transaction */
	CTL_CHANGE,   /* likewise, committed if the command returns 0 */
	CTL_WRITE,    /* the database; the command begins and finishes */
};

/* The "max" of a command that takes any number of arguments. */
#define CTL_MANY ((size_t)-1)
/* How long to wait for a lock, in milliseconds. */
#define CTL_WAIT_MS 5000

struct ctl_command {
	const char *name; /* one word or two; NULL behind the last one */
	const char *arguments;
	const char *help;
	size_t min, max; /* arguments */
	enum ctl_needs needs;
	int (*run)(struct ctl *, const struct arguments *);
	const struct ctl_option
	    *options;		 /* up to one without a name; or NULL */
	bool options_first;	 /* in the usage */
	const char *change_with; /* the option with which it is CTL_CHANGE */
};

/* The families, one file each, in the order of --help. */
extern const struct ctl_command init_commands[], accounts_commands[],
    users_commands[], people_commands[], categories_commands[],
    subscriptions_commands[], telegram_commands[], import_export_commands[],
    explain_commands[], held_commands[], requeue_commands[], trace_commands[],
    record_commands[], notices_commands[], stats_commands[], check_commands[];

/* users_list(ctl, args): "user list", with which "account show" ends. */
int users_list(struct ctl *, const struct arguments *) WARN_UNUSED;

/*
 * ctl_next(args, name, given): the first option of that name after ${given},
 * which is NULL to begin with; NULL if there is none.
 * ctl_option(args, name): the value of the last one; NULL if there is none.
 * ctl_flag(args, name): was it given?
 */
const struct ctl_given *ctl_next(
    const struct arguments *, const char *name, const struct ctl_given *);
const char *ctl_option(const struct arguments *, const char *name);
bool ctl_flag(const struct arguments *, const char *name);

/* ctl_shows(ctl, address): may the user with that address be shown? */
bool ctl_shows(const struct ctl *, const char *address);

/* ctl_exit_code(kind): the exit code of notifyctl after such a failure. */
int ctl_exit_code(enum failure_kind);

/*
 * ctl_take_roster(ctl): before an SQLite roster is opened by root: act as the
 * user who owns its directory, until identity_drop(). What root alone may do is
 * done between identity_suspend() and identity_resume(). 0 or -1.
 */
int ctl_take_roster(struct ctl *) WARN_UNUSED;

/*
 * ctl_permit(ctl): may the person whom --as names use the command? 0 or -1.
 * ctl_begin(ctl, mode): begin a transaction; -1 also if the person may not use
 * the command as of this transaction.
 * ctl_finish(ctl, rc): commit it if ${rc} is 0, roll it back if not. 0 if it
 * was committed, else -1.
 */
int ctl_permit(struct ctl *) WARN_UNUSED;
int ctl_begin(struct ctl *, enum db_mode) WARN_UNUSED;
int ctl_finish(struct ctl *, int rc) WARN_UNUSED;

/* ctl_send_notices(ctl, limit, sent, failure): as notice_flush(), by
 * sendmail(1); without a ${limit} those with links follow the others. */
int ctl_send_notices(
    struct ctl *, size_t limit, size_t *sent, struct failure *) WARN_UNUSED;

#endif
