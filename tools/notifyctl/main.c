/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notifyctl - manages who is subscribed to what
 *
 * Opens what the command (words.c) needs, runs it, prints what it has to say,
 * and hands over the notices that wait.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "decision/tag.h"
#include "lib/mailer.h"
#include "notifyctl/cmdline.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "roster/notice.h"
#include "roster/roster.h"
#include "settings/settings.h"
#include "store/store.h"
#include "terms/address.h"

/* A lock that somebody holds is waited for this long, in milliseconds. */
#define WAIT_MS 5000
/* Room for an import of many million rows. */
#define ARENA_MAX ((size_t)16 << 30)

static void open_descriptors(void);
static const char *actor(struct ctl *);
static void on_change(void *, const struct store_change *);
static void on_remark(void *, const char *);
static int open_all(struct call *);
static int run(struct call *);
static int hand_over(void *, const struct store_notice *, struct failure *);
static void send_notices(struct ctl *);

/* No file of ours is to be taken for an input or an output. */
static void
open_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd != -1 && fd <= STDERR_FILENO);
	if (fd == -1)
		err(EX_OSERR, "/dev/null");
	close(fd);
}

int
ctl_exit_code(enum failure_kind kind)
{
	switch (kind) {
	case FAILURE_NONE:
		return (EX_OK);
	case FAILURE_USAGE:
		return (EX_USAGE);
	case FAILURE_DATA:
		return (EX_DATAERR);
	case FAILURE_UNKNOWN:
		return (EX_NOUSER);
	case FAILURE_BUSY:
	case FAILURE_STALE:
		return (EX_TEMPFAIL);
	case FAILURE_DENIED:
		return (EX_NOPERM);
	case FAILURE_SETTINGS:
	case FAILURE_SCHEMA:
		return (EX_CONFIG);
	case FAILURE_IO:
		return (EX_IOERR);
	case FAILURE_MEMORY:
		return (EX_OSERR);
	}
	return (EX_SOFTWARE);
}

/* Who the record says made a change; NULL and the failure if --as is none. */
static const char *
actor(struct ctl *ctl)
{
	const struct passwd *pw;
	struct address as;
	const char *name;

	if (ctl->as != NULL && *ctl->as != '\0')
		return (roster_address(&ctl->changes, ctl->as, &as) == 0
			? as.wire
			: NULL);
	name = getenv("SUDO_USER");
	if (name == NULL || geteuid() != 0) {
		pw = getpwuid(getuid());
		name = pw == NULL ? "?" : pw->pw_name;
	}
	return (arena_printf(ctl->arena, "operator %s", name));
}

static void
on_change(void *ctx, const struct store_change *change)
{
	struct ctl *ctl = ctx;

	output_change(ctl->out, change);
}

static void
on_remark(void *ctx, const char *text)
{
	struct ctl *ctl = ctx;

	output_remark(ctl->out, text);
}

int
ctl_write(struct ctl *ctl, int (*fn)(struct ctl *, const struct arguments *),
    const struct arguments *args)
{
	if (store_begin(ctl->store, DB_WRITE) != 0)
		return (store_failed(ctl->store, &ctl->failure));
	if (fn(ctl, args) != 0) {
		store_end(ctl->store);
		return (-1);
	}
	if (store_commit(ctl->store) != 0) {
		store_failed(ctl->store, &ctl->failure);
		store_end(ctl->store);
		return (-1);
	}
	return (0);
}

/* Settings and database, as far as the command asks for them. */
static int
open_all(struct call *call)
{
	struct ctl *ctl = &call->ctl;
	enum needs needs = call->command->needs;
	struct changes *c = &ctl->changes;

	ctl->arena = arena_new(ARENA_MAX);
	if (ctl->arena == NULL)
		return (failure_memory(&ctl->failure));
	ctl->out = output_new(ctl->json);
	if (needs == NEEDS_NOTHING)
		return (0);
	ctl->settings = settings_read(ctl->file, &ctl->failure);
	if (ctl->settings == NULL)
		return (-1);
	if (needs != NEEDS_SETTINGS) {
		ctl->store = store_open(ctl->settings->url,
		    needs == NEEDS_WRITE ? DB_WRITE : DB_READ, WAIT_MS,
		    &ctl->failure);
		if (ctl->store == NULL)
			return (-1);
	}
	c->store = ctl->store;
	c->settings = ctl->settings;
	c->arena = ctl->arena;
	c->failure = &ctl->failure;
	c->now = time(NULL);
	c->changed = on_change;
	c->remark = on_remark;
	c->ctx = ctl;
	c->actor = actor(ctl);
	if (c->actor == NULL && ctl->failure.kind == FAILURE_NONE)
		return (failure_memory(&ctl->failure));
	return (c->actor == NULL ? -1 : 0);
}

static int
run(struct call *call)
{
	struct ctl *ctl = &call->ctl;
	int rc;

	if (open_all(call) != 0)
		return (-1);
	if (call->command->needs != NEEDS_READ)
		return (call->command->run(ctl, &call->args));
	if (store_begin(ctl->store, DB_READ) != 0)
		return (store_failed(ctl->store, &ctl->failure));
	rc = call->command->run(ctl, &call->args);
	store_end(ctl->store);
	return (rc);
}

static int
hand_over(void *ctx, const struct store_notice *notice, struct failure *failure)
{
	const struct ctl *ctl = ctx;

	return (mailer_notice(ctl->settings, notice, failure));
}

/* Hand over what is pending. The change stands whatever becomes of it. */
static void
send_notices(struct ctl *ctl)
{
	struct failure failure = FAILURE_INIT;

	if (ctl->store == NULL)
		return;
	if (notice_flush(ctl->store, ctl->arena, hand_over, ctl, &failure) != 0)
		fprintf(
		    stderr, "notifyctl: warning: %s\n", failure_text(&failure));
	failure_clear(&failure);
}

int
main(int argc, char **argv)
{
	struct call call = {
	    .ctl.file = SETTINGS_FILE, .ctl.failure = FAILURE_INIT};
	struct ctl *ctl = &call.ctl;
	const char *what;
	int rc;

	open_descriptors();
	setlocale(LC_CTYPE, "C.UTF-8");
	ctl->as = getenv("NOTIFYCTL_AS");
	cmdline_read(&call, argc, argv);
	tag_start();
	mailer_start();
	rc = run(&call);
	if (rc != 0) {
		output_error(ctl->json, ctl_exit_code(ctl->failure.kind),
		    failure_text(&ctl->failure));
		rc = ctl_exit_code(ctl->failure.kind);
	} else {
		if ((call.command->needs == NEEDS_WRITE &&
			!call.args.dry_run) ||
		    call.command->run == init_database)
			send_notices(ctl);
		rc = ctl->status;
		if (output_print(ctl->out, &what) != 0) {
			fprintf(stderr, "notifyctl: %s: %s%s\n", what,
			    strerror(errno),
			    ctl->changes.n > 0 && !call.args.dry_run
				? "; the change is made, and \"notifyctl "
				  "log\" shows it"
				: "");
			rc = EX_IOERR;
		}
	}
	output_free(ctl->out);
	store_close(ctl->store);
	settings_free(ctl->settings);
	arena_free(ctl->arena);
	failure_clear(&ctl->failure);
	cmdline_free(&call);
	return (rc);
}
