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
#include "base/clock.h"
#include "base/escape.h"
#include "decision/message.h"
#include "decision/tag.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/mailer.h"
#include "lib/texts.h"
#include "settings/settings.h"
#include "store/store_link.h"
#include "telegram/agents.h"
#include "telegram/botapi.h"
#include "telegram/chattext.h"
#include "telegram/delivery.h"
#include "telegram/sending.h"
#include "telegram/spool.h"
#include "telegram/turn.h"
#include "terms/account.h"
#include "terms/address.h"
#include "terms/rfc2047.h"
#include "terms/stamp.h"

#define WAIT_MS 5000
#define ARENA_MAX ((size_t)64 << 20)
/* A message that was last tried so long ago may be retried now: the others wait
 * for it, if it is there within the grace. */
#define DUE_SECONDS 60
#define GRACE_MS 2000
#define GRACE_STEP_MS 250
/* look_up(), wait_turn() and keep_order(): no status yet. */
#define GO_ON -1

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

static int read_recipient(struct delivery *, const char *);
static int find_category(struct delivery *, const char **);
static int verify(struct delivery *);
static int find_user(struct delivery *, const char **);
static int no_chat(struct delivery *, const char *);
static int look_up(struct delivery *);
static int open_store(struct delivery *);
static int join(struct delivery *, bool);
static int not_its_turn(struct delivery *, size_t);
static int look_again(struct delivery *, int64_t);
static int wait_longer(struct delivery *, size_t *);
static int wait_turn(struct delivery *);
static int count_earlier(struct delivery *, int64_t *, int64_t *);
static int keep_order(struct delivery *);
static void bad_text(void *, const char *);
static char *last_line(const struct delivery *);
static int make_text(struct delivery *);
static int deliver(struct delivery *, const char *);
static int check_only(struct delivery *);

/* Find the link and the check in ${recipient}; 0 if it is no chat's address. 0,
 * or -1 if out of memory. */
static int
read_recipient(struct delivery *d, const char *recipient)
{
	struct address address;
	const char *local;
	int found;

	found = address_read(d->arena, recipient, &address);
	if (found == -1)
		return (failure_memory(&d->failure));
	if (found == 0 ||
	    strcmp(address.domain, d->settings->telegram_domain) != 0)
		return (0);
	local = arena_strndup(
	    d->arena, address.key, address_local_length(address.key));
	if (local == NULL)
		return (failure_memory(&d->failure));
	if (!stamp_chat(local, &d->link, &d->check))
		d->link = 0;
	return (0);
}

/* The one category that the whole tag names, by the milter's own rule. 0 and
 * ${*why} if there is none. */
static int
find_category(struct delivery *d, const char **why)
{
	struct category found[TAG_SPELLINGS] = {0};
	struct tag tag;
	size_t i;
	int rc;

	if (tag_read(d->arena, &d->head.message, &tag) != 0)
		return (failure_memory(&d->failure));
	*why = tag.problem;
	if (tag.problem != NULL)
		return (0);
	for (i = 0; i < tag.ncategories; i++) {
		if (store_category(
			d->store, tag.categories[i].key, &found[i]) == -1)
			return (-1);
	}
	rc = tag_category(d->arena, &tag, found, why);
	if (rc == -1)
		return (failure_memory(&d->failure));
	d->category = found[0];
	return (rc);
}

/*
 * Has the milter added this recipient to this message (rule 7)? 1, 0 or -1. Any
 * other address of a chat, such as one in an alias or a map of copies, would
 * show a customer's mail to another. While there is no key the milter adds none
 * with a check.
 */
static int
verify(struct delivery *d)
{
	char key[STORE_SECRET_SIZE];
	int found;

	found = store_secret(d->store, STORE_STAMP, key);
	if (found == -1)
		return (-1);
	if (found == 0 && d->check == NULL)
		return (1);
	if (found == 1 && d->check != NULL &&
	    stamp_is_mirror(key, d->link, d->category.slug, d->head.message.id,
		d->check, &d->nameless))
		return (1);
	d->suspicious = true;
	return (0);
}

/* The category, and the user whose link it is. 0 and ${*why} if either is not
 * there, or the check is not right. */
static int
find_user(struct delivery *d, const char **why)
{
	int found;

	found = find_category(d, why);
	if (found == 1)
		found = verify(d);
	if (found != 1)
		return (found);
	*why = "the link has ended";
	return (
	    store_link(d->store, d->arena, d->link, d->category.id, &d->user));
}

/* There is no chat for it. */
static int
no_chat(struct delivery *d, const char *why)
{
	delivery_forget(d);
	if (d->suspicious && d->check == NULL)
		return (delivery_end(d, EX_OK, "no-check",
		    "the address has no check: the milter added it before the "
		    "roster had a key, or somebody wrote it"));
	if (d->suspicious)
		return (delivery_end(d, EX_OK, "wrong-check",
		    "the check in the address is not that of this message"));
	return (delivery_end(d, EX_OK, "no-link", "%s", why));
}

/* The link may be gone by now, or its user no longer entitled. */
static int
look_up(struct delivery *d)
{
	char key[ACCOUNT_KEY_SIZE];
	const char *why;
	int found;

	if (d->link == 0)
		return (delivery_end(
		    d, EX_OK, "no-link", "not the address of a chat"));
	if (store_begin(d->store, DB_READ) != 0)
		return (delivery_store_failed(d));
	found = find_user(d, &why);
	if (found == 1 &&
	    (account_key(d->user.account_name, key) != 1 ||
		store_account(d->store, d->arena, key, &d->account) != 1))
		found = -1;
	if (found == -1)
		return (delivery_store_failed(d));
	store_end(d->store);
	if (found == 0)
		return (no_chat(d, why));
	if (!role_mirrored(d->user.role, d->user.subscribed, &d->category)) {
		delivery_forget(d);
		return (delivery_end(d, EX_OK, "not-entitled",
		    "%s no longer receives %s", d->user.address,
		    d->category.slug));
	}
	/* The user may have linked a group since. */
	if (d->nameless && d->user.chat <= 0) {
		delivery_forget(d);
		return (delivery_end(d, EX_OK, "group",
		    "%s is a user of several accounts, the message names none, "
		    "and the chat is a group",
		    d->user.address));
	}
	return (GO_ON);
}

static int
open_store(struct delivery *d)
{
	d->store = store_open(d->settings->url, DB_WRITE, WAIT_MS, &d->failure);
	d->changes.store = d->store;
	if (d->store == NULL)
		return (-1);
	store_accept_older(d->store);
	return (0);
}

/* Be one of the runs on this machine. If their file cannot be used, the order
 * is that in which the MTA starts them. 0, or -1 if it must be retried. */
static int
join(struct delivery *d, bool make)
{
	char *path;

	if (d->agents != NULL)
		return (0);
	path = agents_path(d->settings);
	if (path == NULL)
		return (failure_memory(&d->failure));
	d->agents = agents_open(path, make, &d->failure);
	free(path);
	if (d->failure.kind == FAILURE_NONE)
		return (0);
	if (d->failure.kind != FAILURE_IO)
		return (-1);
	log_warning("%s: %s; other messages to the chat are not waited for",
	    d->queue_id, failure_text(&d->failure));
	failure_clear(&d->failure);
	return (0);
}

static int
not_its_turn(struct delivery *d, size_t before)
{
	if (delivery_hold(d) != 0)
		return (delivery_store_failed(d));
	return (delivery_end(d, EX_TEMPFAIL, "waiting",
	    "%zu earlier messages are on their way to this chat", before));
}

/* What was looked up before a wait may have changed. */
static int
look_again(struct delivery *d, int64_t chat)
{
	int status;

	status = look_up(d);
	if (status == GO_ON && d->user.chat != chat)
		return (delivery_end(d, EX_TEMPFAIL, "again", "%s",
		    "the user has linked another chat meanwhile"));
	return (status);
}

/* Without a connection to the database, which others may need. */
static int
wait_longer(struct delivery *d, size_t *before)
{
	int64_t chat = d->user.chat;
	enum turn turn;
	int status;

	store_close(d->store);
	d->store = NULL;
	turn = turn_wait(d->agents, TURN_WAIT_MS, before);
	d->now = time(NULL);
	if (open_store(d) != 0)
		return (delivery_failed(d));
	status = look_again(d, chat);
	if (status == GO_ON && (turn == TURN_CROWDED || turn == TURN_NOT_YET))
		return (not_its_turn(d, *before));
	return (status);
}

/* Messages that are on their way to a chat at the same time go one after the
 * other, in the order in which they arrived. */
static int
wait_turn(struct delivery *d)
{
	size_t before = 0;

	if (d->agents == NULL ||
	    agents_name(
		d->agents, d->user.chat, d->head.arrived, d->queue_id) != 0)
		return (GO_ON);
	turn_settle(d->agents);
	switch (turn_wait(d->agents, 0, &before)) {
	case TURN_COME:
	case TURN_FAILED:
		return (look_again(d, d->user.chat));
	case TURN_CROWDED:
		return (not_its_turn(d, before));
	case TURN_NOT_YET:
		return (wait_longer(d, &before));
	}
	return (EX_TEMPFAIL);
}

/* Of the earlier messages that wait for the chat, ${*due} were last tried some
 * time ago. */
static int
count_earlier(struct delivery *d, int64_t *before, int64_t *due)
{
	int64_t from = d->now - DELIVERY_FORGET_SECONDS;
	int rc;

	if (store_begin(d->store, DB_READ) != 0)
		return (-1);
	rc = store_waiting_before(d->store, d->user.chat, d->queue_id,
	    d->head.arrived, from, d->now + DELIVERY_CLOCK_SECONDS, before);
	if (rc != -1)
		rc = store_waiting_before(d->store, d->user.chat, d->queue_id,
		    d->head.arrived, from, d->now - DUE_SECONDS, due);
	if (rc == -1)
		return (-1);
	store_end(d->store);
	return (0);
}

/* No message passes an earlier one that waits in the queue. When the MTA
 * retries all of them, in any order, each gives the earlier ones time to come.
 */
static int
keep_order(struct delivery *d)
{
	int64_t before, due, last = 0, until = 0;
	size_t ahead = 0;
	int status;

	for (;;) {
		if (count_earlier(d, &before, &due) != 0)
			return (delivery_store_failed(d));
		if (before == 0)
			return (GO_ON);
		if (before != last)
			until = clock_ms() + GRACE_MS;
		last = before;
		if (due < before || before > TURN_QUEUE || d->agents == NULL ||
		    clock_ms() > until)
			break;
		turn_nap(GRACE_STEP_MS);
		status = wait_longer(d, &ahead);
		if (status != GO_ON)
			return (status);
	}
	if (delivery_hold(d) != 0)
		return (delivery_store_failed(d));
	return (delivery_end(d, EX_TEMPFAIL, "waiting",
	    "%lld earlier messages wait for this chat", (long long)before));
}

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
	if (join(d, false) != 0)
		return (delivery_failed(d));
	d->fd = spool(STDIN_FILENO, &d->failure);
	if (d->fd == -1 ||
	    mailhead_read(d->fd, d->arena, &d->head, &d->failure) != 0)
		return (delivery_failed(d));
	if (d->head.arrived == 0)
		d->head.arrived = d->now;
	if (read_recipient(d, recipient) != 0)
		return (delivery_failed(d));
	(void)open_store(d);
	if (d->now - d->head.arrived > d->settings->max_age) {
		if (d->store != NULL)
			delivery_forget(d);
		return (delivery_end(d, EX_OK, "old",
		    "it arrived %lld s ago, max_age is %ld s",
		    (long long)(d->now - d->head.arrived),
		    d->settings->max_age));
	}
	if (d->store == NULL || join(d, true) != 0)
		return (delivery_failed(d));
	status = look_up(d);
	if (status == GO_ON)
		status = wait_turn(d);
	if (status == GO_ON)
		status = keep_order(d);
	if (status != GO_ON)
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
	printf("%s: the settings are good\n", d->settings->file);
	return (EX_OK);
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
