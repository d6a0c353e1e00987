/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify-telegram - delivers one mirrored message to its chat
 *
 * Run by Postfix's pipe(8), or Sendmail, for one recipient at a time. The exit
 * status decides about the mirror alone: 0, done with the message one way or
 * another, or 75, try again later. It is never another, so that the sender of
 * the mail never gets a bounce for the chat.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/escape.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/mailer.h"
#include "lib/texts.h"
#include "settings/settings.h"
#include "telegram/agents.h"
#include "telegram/botapi.h"
#include "telegram/chattext.h"
#include "telegram/delivery.h"
#include "telegram/lookup.h"
#include "telegram/order.h"
#include "telegram/sending.h"
#include "telegram/spool.h"
#include "terms/rfc2047.h"

#define ARENA_MAX ((size_t)64 << 20)

/* In the texts. */
struct faults {
	bool check_only;
	size_t n;
};

static const char usage_text[] =
    "usage: notify-telegram [-fnvV] [-c FILE] QUEUEID RECIPIENT < MESSAGE\n"
    "\n"
    "  -c FILE  the settings (" SETTINGS_FILE ")\n"
    "  -f       accepted for symmetry: it always runs in the foreground\n"
    "  -n       check the settings, the token file and the texts, and exit\n"
    "  -v       log each step too\n"
    "  -V       print the version and exit\n"
    "\n"
    "Exit status: 0 done with the message, 75 try again later.\n";

static void bad_text(void *, const char *);
static char *last_line(const struct delivery *);
static int make_text(struct delivery *);
static int deliver(struct delivery *, const char *);
static int check_only(struct delivery *);

/* Name the first fault in the texts, and count them. */
static void
bad_text(void *ctx, const char *what)
{
	struct faults *f = ctx;

	if (f->check_only)
		log_error("%s", what);
	else if (f->n == 0)
		log_warning("%s; the built-in text is used", what);
	f->n++;
}

/* The last line: what the message is about. */
static char *
last_line(const struct delivery *d)
{
	const char *language = d->user.language;
	const struct text_place places[] = {
	    {"category",
		texts_title(
		    d->texts, language, d->category.slug, d->category.title)},
	    {d->nameless ? NULL : "account", d->account.name},
	    {"title", d->account.title},
	    {NULL, NULL},
	};

	return (texts_fill(d->texts, language,
	    d->nameless			    ? TEXT_LAST_LINE_NAMELESS
		: *d->account.title == '\0' ? TEXT_LAST_LINE
					    : TEXT_LAST_LINE_TITLE,
	    places));
}

static int
make_text(struct delivery *d)
{
	struct faults faults = {0};
	struct chattext_words words = {.language = d->user.language};
	char *footer;
	int rc;

	d->texts = texts_open(d->settings, bad_text, &faults);
	footer = last_line(d);
	words.texts = d->texts;
	words.footer = footer;
	rc = chattext_read(d->fd, &words, &d->text, &d->failure);
	g_free(footer);
	return (rc);
}

static int
deliver(struct delivery *d, const char *recipient)
{
	int status;

	/* The file is made beside a roster that is there. */
	if (order_join(d, false) != 0)
		return (delivery_failed(d));
	d->fd = spool(STDIN_FILENO, &d->failure);
	if (d->fd == -1 ||
	    mailhead_read(d->fd, d->arena, &d->head, &d->failure) != 0)
		return (delivery_failed(d));
	if (d->head.arrived == 0)
		d->head.arrived = d->now;
	if (lookup_recipient(d, recipient) != 0)
		return (delivery_failed(d));
	/* A message that is too old needs no roster. */
	(void)!lookup_open(d);
	if (d->now - d->head.arrived > d->settings->max_age) {
		if (d->store != NULL)
			delivery_forget(d);
		return (delivery_end(d, EX_OK, "old",
		    "it arrived %lld s ago, max_age is %ld s",
		    (long long)(d->now - d->head.arrived),
		    d->settings->max_age));
	}
	if (d->store == NULL || order_join(d, true) != 0)
		return (delivery_failed(d));
	status = lookup_user(d);
	if (status == DELIVERY_GO_ON)
		status = order_wait(d);
	if (status == DELIVERY_GO_ON)
		status = order_keep(d);
	if (status != DELIVERY_GO_ON)
		return (status);
	d->api = botapi_open(d->settings, &d->failure);
	if (d->api == NULL || make_text(d) != 0)
		return (delivery_failed(d));
	return (sending_text(d));
}

static int
check_only(struct delivery *d)
{
	struct faults faults = {.check_only = true};

	d->api = botapi_open(d->settings, &d->failure);
	if (d->api == NULL) {
		log_error("%s", failure_text(&d->failure));
		return (EX_CONFIG);
	}
	d->texts = texts_open(d->settings, bad_text, &faults);
	if (faults.n > 0)
		return (EX_CONFIG);
	return (daemon_says(
	    "notify-telegram", "%s: the settings are good", d->settings->file));
}

int
main(int argc, char **argv)
{
	struct delivery d = {.failure = FAILURE_INIT, .fd = -1};
	struct daemon_options options = {0};
	bool check;
	int first, status;

	/* A mistake in master.cf: keep the message until it is corrected. */
	first = daemon_options(
	    &options, "notify-telegram", usage_text, EX_TEMPFAIL, argc, argv);
	check = options.check_only;
	log_open("notify-telegram", true);
	log_verbose(options.verbose);
	if (!check && argc - first != 2) {
		fputs(usage_text, stderr);
		log_error("expected QUEUEID and RECIPIENT; see master.cf");
		return (EX_TEMPFAIL);
	}
	rfc2047_start();
	mailer_start();
	chattext_start();
	d.now = time(NULL);
	d.arena = arena_new(ARENA_MAX);
	d.settings = settings_read(options.file, &d.failure);
	status = check ? EX_CONFIG : EX_TEMPFAIL;
	if (d.arena != NULL && !check) {
		d.queue_id = escape_text(d.arena, argv[first]);
		d.recipient = escape_text(d.arena, argv[first + 1]);
	}
	if (d.settings == NULL || d.arena == NULL ||
	    (!check && (d.queue_id == NULL || d.recipient == NULL))) {
		if (d.failure.kind == FAILURE_NONE)
			failure_memory(&d.failure);
		log_error("%s", failure_text(&d.failure));
		goto out;
	}
	d.changes.settings = d.settings;
	d.changes.arena = d.arena;
	d.changes.failure = &d.failure;
	d.changes.actor = "notify-telegram";
	d.changes.now = d.now;
	status = check ? check_only(&d) : deliver(&d, argv[first + 1]);
out:
	chattext_clear(&d.text);
	texts_close(d.texts);
	botapi_close(d.api);
	agents_close(d.agents);
	store_close(d.store);
	settings_free(d.settings);
	arena_free(d.arena);
	failure_clear(&d.failure);
	if (d.fd != -1)
		close(d.fd);
	return (status);
}
