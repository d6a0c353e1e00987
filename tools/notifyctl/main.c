/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notifyctl - manages who is subscribed to what
 *
 * Opens what the command needs, runs it, sends notices that wait and prints the
 * output.
 */
#include <err.h>
#include <errno.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/escape.h"
#include "lib/daemon.h"
#include "lib/identity.h"
#include "lib/mailer.h"
#include "notifyctl/cmdline.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/permission.h"
#include "roster/roster.h"
#include "settings/settings.h"
#include "store/store.h"
#include "terms/address.h"
#include "terms/rfc2047.h"

/* Room for an import of many million rows. */
#define ARENA_MAX ((size_t)16 << 30)
/* Notices that a command sends itself. */
#define NOTICES_AT_ONCE 50

static void out_of_memory(void *);
static int is_same_person(struct ctl *, const char *, const char *);
static int find_person(struct ctl *);
static const char *actor(struct ctl *);
static int open_all(struct ctl *, enum ctl_needs);
static int run(
    struct ctl *, const struct ctl_command *, const struct arguments *);
static void send_notices(struct ctl *);
static void scrub(struct ctl *);

/* The process ends and its transaction is rolled back. */
static void
out_of_memory(void *ctx)
{
	const struct ctl *ctl = ctx;

	output_error(ctl->json, EX_OSERR, "out of memory");
	exit(EX_OSERR);
}

/* 1, 0 if they differ or one is no address, or -1. */
static int
is_same_person(struct ctl *ctl, const char *one, const char *other)
{
	struct address a, b;
	const char *why;
	int found;

	found = address_read_strict(ctl->arena, one, &a, &why);
	if (found == 1)
		found = address_read_strict(ctl->arena, other, &b, &why);
	if (found == -1)
		return (failure_memory(&ctl->failure));
	return (found == 1 && strcmp(a.key, b.key) == 0);
}

/* Who acts: whoever set $NOTIFYCTL_AS has said that for every command. */
static int
find_person(struct ctl *ctl)
{
	const char *set = getenv("NOTIFYCTL_AS");
	int same;

	if (set == NULL)
		return (0);
	if (*set == '\0')
		return (failure_set(&ctl->failure, FAILURE_USAGE,
		    "$NOTIFYCTL_AS is empty; expected the address of the "
		    "person who acts, as with --as, or no such variable"));
	if (ctl->as == NULL) {
		ctl->as = set;
		return (0);
	}
	same = is_same_person(ctl, ctl->as, set);
	if (same == 0)
		return (failure_set(&ctl->failure, FAILURE_DENIED,
		    "--as %s is not %s, whom $NOTIFYCTL_AS names; expected the "
		    "same person, or no --as",
		    escape_short(ctl->arena, ctl->as),
		    escape_short(ctl->arena, set)));
	return (same == 1 ? 0 : -1);
}

/* Who makes the changes, for the record. NULL if --as is no address. */
static const char *
actor(struct ctl *ctl)
{
	const struct passwd *pw;
	struct address as;
	const char *name;

	if (ctl->as != NULL)
		return (roster_address(&ctl->changes, ctl->as, &as) == 0
			? as.wire
			: NULL);
	name = getenv("SUDO_USER");
	if (name == NULL || getuid() != 0) {
		pw = getpwuid(getuid());
		name = pw == NULL ? "?" : pw->pw_name;
	}
	return (arena_printf(ctl->arena, "operator %s", name));
}

/* Open the settings and the database if the command needs them. */
static int
open_all(struct ctl *ctl, enum ctl_needs needs)
{
	struct changes *c = &ctl->changes;

	ctl->arena = arena_new(ARENA_MAX);
	if (ctl->arena == NULL)
		return (failure_memory(&ctl->failure));
	arena_require(ctl->arena, out_of_memory, ctl);
	ctl->out = output_new(ctl->json);
	c->arena = ctl->arena;
	c->failure = &ctl->failure;
	if (find_person(ctl) != 0)
		return (-1);
	if (ctl->no_tell && ctl->as != NULL)
		return (failure_set(&ctl->failure, FAILURE_DENIED,
		    "--no-tell is the operator's, who gives no --as: whoever "
		    "loses something is told"));
	/* Whatever state settings and database are in. */
	if (permission_is_operators(permission_find(ctl->command->name)) &&
	    ctl_permit(ctl) != 0)
		return (-1);
	if (needs == CTL_NOTHING)
		return (0);
	ctl->settings = settings_read(ctl->file, &ctl->failure);
	if (ctl->settings == NULL)
		return (-1);
	if (needs != CTL_SETTINGS) {
		if (ctl_take_roster(ctl) != 0)
			return (-1);
		ctl->store = store_open(ctl->settings->url,
		    needs == CTL_READ ? DB_READ : DB_WRITE, CTL_WAIT_MS,
		    &ctl->failure);
		if (ctl->store == NULL)
			return (-1);
	}
	c->store = ctl->store;
	c->settings = ctl->settings;
	c->now = time(NULL);
	c->changed = output_change;
	c->remark = output_remark;
	c->ctx = ctl->out;
	c->tell.who = ctl->no_tell ? TELL_NOTHING : ctl->settings->tell;
	c->farewells = true;
	c->actor = actor(ctl);
	return (c->actor == NULL ? -1 : 0);
}

static int
run(struct ctl *ctl, const struct ctl_command *command,
    const struct arguments *args)
{
	enum ctl_needs needs = command->needs;
	int rc;

	if (command->change_with != NULL &&
	    ctl_flag(args, command->change_with))
		needs = CTL_CHANGE;
	if (open_all(ctl, needs) != 0)
		return (-1);
	if (needs != CTL_READ && needs != CTL_CHANGE)
		return (command->run(ctl, args));
	if (ctl_begin(ctl, needs == CTL_READ ? DB_READ : DB_WRITE) != 0)
		return (-1);
	rc = command->run(ctl, args);
	if (needs == CTL_CHANGE)
		return (ctl_finish(ctl, rc));
	store_end(ctl->store);
	return (rc);
}

/* A failure is only a warning: the change is made. */
static void
send_notices(struct ctl *ctl)
{
	struct failure failure = FAILURE_INIT;

	if (ctl_send_notices(ctl, NOTICES_AT_ONCE, NULL, &failure) != 0)
		fprintf(
		    stderr, "notifyctl: warning: %s\n", failure_text(&failure));
	failure_clear(&failure);
}

/* Also the free parts of the database forget what was deleted. */
static void
scrub(struct ctl *ctl)
{
	if (store_scrub(ctl->store) != 0)
		fprintf(stderr,
		    "notifyctl: warning: what was deleted may still be read in "
		    "the database's file (%s); run VACUUM there\n",
		    failure_text(store_failure(ctl->store)));
}

int
main(int argc, char **argv)
{
	struct ctl ctl = {.file = SETTINGS_FILE, .failure = FAILURE_INIT};
	struct arguments args;
	const struct ctl_command *command;
	const char *what;
	int rc;

	if (daemon_descriptors() != 0)
		err(EX_OSERR, "/dev/null");
	setlocale(LC_CTYPE, "C.UTF-8");
	command = cmdline_read(&ctl, &args, argc, argv);
	ctl.command = command;
	ctl.args = &args;
	rfc2047_start();
	mailer_start();
	if (run(&ctl, command, &args) != 0) {
		rc = ctl_exit_code(ctl.failure.kind);
		output_error(ctl.json, rc, failure_text(&ctl.failure));
	} else {
		if (ctl.committed)
			send_notices(&ctl);
		if (ctl.scrub)
			scrub(&ctl);
		rc = ctl.status;
		/* A reader that has seen enough, such as head(1), closes the
		 * pipe: that is no fault. */
		if (output_print(ctl.out, &what) != 0 && errno != EPIPE) {
			fprintf(stderr, "notifyctl: %s: %s%s\n", what,
			    output_reason(errno),
			    ctl.committed && ctl.changes.n > 0
				? "; the change is made, and \"notifyctl "
				  "log\" shows it"
				: "");
			rc = EX_IOERR;
		}
	}
	output_free(ctl.out);
	tell_forget(&ctl.changes);
	store_close(ctl.store);
	identity_drop();
	settings_free(ctl.settings);
	arena_free(ctl.arena);
	failure_clear(&ctl.failure);
	cmdline_free(&args);
	return (rc);
}
