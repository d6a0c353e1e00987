/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ctl - what the commands of notifyctl share
 */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/arena.h"
#include "db/db_url.h"
#include "lib/identity.h"
#include "lib/mailer.h"
#include "lib/texts.h"
#include "notifyctl/ctl.h"
#include "roster/linkmail.h"
#include "roster/notice.h"
#include "roster/permission.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_notice.h"

/* Memory for a mail with links: a person may be in many accounts. */
#define LINKS_MEMORY ((size_t)16 << 20)

/* The sending of notices. */
struct sending {
	struct ctl *ctl;
	struct mailer mailer;
	struct texts *texts; /* NULL: not opened, for want of a notice */
	const char *fault;   /* the first one in the texts */
	size_t faults;
	/* The mail with links that is being sent, and what is recorded. */
	struct changes changes;
	struct store_notice mail;
};

static void take_fault(void *, const char *);
static void open_texts(struct sending *);
static int send_notice(void *, const struct store_notice *, struct failure *);
static void begin_links(struct sending *);
static int send_links(void *, const struct store_notice *, struct failure *);
static int record_links(void *, const struct store_notice *, struct failure *);

const struct ctl_given *
ctl_next(const struct arguments *args, const char *name,
    const struct ctl_given *given)
{
	given = given == NULL ? args->given : given + 1;
	while (given->option != NULL && strcmp(given->option->name, name) != 0)
		given++;
	return (given->option == NULL ? NULL : given);
}

const char *
ctl_option(const struct arguments *args, const char *name)
{
	const struct ctl_given *given = NULL;
	const char *value = NULL;

	while ((given = ctl_next(args, name, given)) != NULL)
		value = given->value;
	return (value);
}

bool
ctl_flag(const struct arguments *args, const char *name)
{
	return (ctl_next(args, name, NULL) != NULL);
}

bool
ctl_shows(const struct ctl *ctl, const char *address)
{
	return (ctl->oneself == NULL || strcmp(ctl->oneself, address) == 0);
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

int
ctl_take_roster(struct ctl *ctl)
{
	const struct settings *s = ctl->settings;

	if (db_url_remote(s->url))
		return (0);
	return (identity_take(s->url, s->user, &ctl->failure));
}

int
ctl_permit(struct ctl *ctl)
{
	const struct arguments *args = ctl->args;
	const struct ctl_given *given;
	const char *command = ctl->command->name, *name;
	const struct permission *p = permission_find(command), *more;

	/* An option may have a row of its own. */
	for (given = args->given; given->option != NULL; given++) {
		name = arena_printf(
		    ctl->arena, "%s --%s", command, given->option->name);
		more = permission_find(name);
		if (strcmp(more->command, name) == 0)
			p = more;
	}
	return (permission_check(&ctl->changes, p, (const char *const *)args->v,
	    args->n, ctl->as, &ctl->oneself));
}

int
ctl_begin(struct ctl *ctl, enum db_mode mode)
{
	if (store_begin(ctl->store, mode) != 0)
		return (store_failed(ctl->store, &ctl->failure));
	if (ctl_permit(ctl) == 0)
		return (0);
	store_end(ctl->store);
	return (-1);
}

int
ctl_finish(struct ctl *ctl, int rc)
{
	if (rc == 0)
		rc = tell_finish(&ctl->changes);
	if (rc == 0 && store_commit(ctl->store) == 0) {
		ctl->committed = true;
		return (0);
	}
	if (rc == 0)
		store_failed(ctl->store, &ctl->failure);
	store_end(ctl->store);
	return (-1);
}

/* Keep the first fault in the texts, and count them. */
static void
take_fault(void *ctx, const char *text)
{
	struct sending *s = ctx;

	if (s->faults++ == 0)
		s->fault = arena_strdup(s->ctl->arena, text);
}

/* A text that is wrong stops nothing. */
static void
open_texts(struct sending *s)
{
	s->texts = texts_open(s->ctl->settings, take_fault, s);
	s->mailer.texts = s->texts;
	if (s->faults == 0)
		return;
	fprintf(stderr, "notifyctl: warning: %s", s->fault);
	if (s->faults > 1)
		fprintf(stderr,
		    " (and %zu more faults in the texts: see \"notifyctl "
		    "check\")",
		    s->faults - 1);
	fputc('\n', stderr);
}

static int
send_notice(
    void *ctx, const struct store_notice *notice, struct failure *failure)
{
	struct sending *s = ctx;
	int rc;

	/* With the rights of the roster's owner, still. */
	if (s->texts == NULL)
		open_texts(s);
	identity_suspend();
	rc = mailer_notice(&s->mailer, notice, failure);
	identity_resume();
	return (rc);
}

/* Give back what the mail before took. */
static void
begin_links(struct sending *s)
{
	arena_free(s->changes.arena);
	s->changes = (struct changes){.store = s->ctl->store,
	    .settings = s->ctl->settings,
	    .arena = arena_new(LINKS_MEMORY),
	    .actor = "telegram chat",
	    .now = time(NULL)};
}

static int
send_links(
    void *ctx, const struct store_notice *notice, struct failure *failure)
{
	struct sending *s = ctx;
	int rc;

	begin_links(s);
	s->changes.failure = failure;
	if (s->changes.arena == NULL)
		return (failure_memory(failure));
	rc = linkmail_prepare(&s->changes, notice, &s->mail);
	if (rc == 1)
		return (send_notice(ctx, &s->mail, failure));
	return (rc == 0 ? 1 : -1);
}

static int
record_links(
    void *ctx, const struct store_notice *notice, struct failure *failure)
{
	struct sending *s = ctx;

	s->changes.failure = failure;
	return (linkmail_mailed(&s->changes, notice, &s->mail));
}

int
ctl_send_notices(
    struct ctl *ctl, size_t limit, size_t *sent, struct failure *failure)
{
	struct sending s = {.ctl = ctl, .mailer.settings = ctl->settings};
	const struct notice_sender notices = {send_notice, NULL, &s};
	const struct notice_sender links = {send_links, record_links, &s};
	int failed, rc;

	failed = notice_flush(
	    ctl->store, ctl->arena, false, limit, &notices, sent, failure);
	if (failed != -1 && limit == 0) {
		rc = notice_flush(
		    ctl->store, ctl->arena, true, limit, &links, sent, failure);
		failed = rc == -1 ? -1 : failed + rc;
	}
	arena_free(s.changes.arena);
	texts_close(s.texts);
	return (failed);
}
