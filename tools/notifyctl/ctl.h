/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl - what the commands of notifyctl share
 *
 * A command gets a struct ctl with everything opened that its row in the table
 * (words.c) asks for, does its work, fills the output, and returns 0 or -1 with
 * ctl->failure. It prints nothing itself.
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/failure.h"
#include "roster/membership.h"

struct arena;
struct output;
struct settings;
struct store;

/* What stands on the command line after the command. */
struct arguments {
	char **v;
	size_t n;
	const char *owner;
	const char *title;
	const char *role;
	const char *confirm;
	const char *sender;
	const char *png;
	char **recipients;
	size_t nrecipients;
	char **logs;
	size_t nlogs;
	const char *journal;
	bool subscriber;
	bool telegram;
	bool sync;
	bool dry_run;
	bool again;
};

struct ctl {
	const char *file; /* of settings */
	const char *as;	  /* --as, or $NOTIFYCTL_AS, or NULL */
	bool json;
	struct settings *settings;
	struct store *store;
	struct arena *arena;
	struct output *out;
	struct failure failure;
	struct changes changes;
	int status; /* exit code of a command that succeeded; for check */
};

/* The commands, one file for each family. */
int accounts_add(struct ctl *, const struct arguments *);
int accounts_list(struct ctl *, const struct arguments *);
int accounts_show(struct ctl *, const struct arguments *);
int accounts_transfer(struct ctl *, const struct arguments *);
int accounts_remove(struct ctl *, const struct arguments *);
int users_add(struct ctl *, const struct arguments *);
int users_list(struct ctl *, const struct arguments *);
int users_role(struct ctl *, const struct arguments *);
int users_remove(struct ctl *, const struct arguments *);
int categories_list(struct ctl *, const struct arguments *);
int categories_add(struct ctl *, const struct arguments *);
int subscriptions_subscribe(struct ctl *, const struct arguments *);
int subscriptions_unsubscribe(struct ctl *, const struct arguments *);
int subscriptions_list(struct ctl *, const struct arguments *);
int import_export_import(struct ctl *, const struct arguments *);
int import_export_export(struct ctl *, const struct arguments *);
int explain_message(struct ctl *, const struct arguments *);
int requeue_messages(struct ctl *, const struct arguments *);
int trace_message(struct ctl *, const struct arguments *);
int record_log(struct ctl *, const struct arguments *);
int stats_show(struct ctl *, const struct arguments *);
int check_all(struct ctl *, const struct arguments *);
int telegram_connect(struct ctl *, const struct arguments *);
int telegram_disable(struct ctl *, const struct arguments *);
int telegram_status(struct ctl *, const struct arguments *);
int init_database(struct ctl *, const struct arguments *);

/* ctl_exit_code(kind): what notifyctl ends with after a failure. */
int ctl_exit_code(enum failure_kind);

/*
 * ctl_write(ctl, fn, args): run ${fn} inside a transaction that is kept if it
 * returns 0, and given up if not.
 */
int ctl_write(struct ctl *, int (*fn)(struct ctl *, const struct arguments *),
    const struct arguments *) WARN_UNUSED;

#endif
