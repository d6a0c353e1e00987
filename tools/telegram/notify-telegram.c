/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify-telegram - brings one mirrored message to its chat
 *
 * Run by Postfix's pipe(8), or Sendmail, for one recipient at a time. What it
 * returns decides about the mirror alone: 0, done with it one way or another,
 * or 75, try again later. It never returns anything else, so the sender of the
 * mail never gets a bounce for the chat.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/counters.h"
#include "base/escape.h"
#include "base/failure.h"
#include "decision/message.h"
#include "decision/tag.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/mailer.h"
#include "roster/link.h"
#include "roster/notice.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_link.h"
#include "telegram/botapi.h"
#include "telegram/chattext.h"
#include "telegram/mailhead.h"
#include "telegram/outcome.h"
#include "telegram/spool.h"
#include "terms/account.h"
#include "terms/address.h"
#include "terms/category.h"

#define WAIT_MS 5000
#define ARENA_MAX ((size_t)64 << 20)
#define SEND_SECONDS 30
/* A retry_after up to this is waited for here, so many times. */
#define SHORT_SECONDS 10
#define SHORT_WAITS 3
/* A message that was not tried for so long is not in the queue any more. */
#define FORGOTTEN_SECONDS (3 * 3600)
/* Nor is one that was tried so long from now: then the clock was wrong. */
#define CLOCK_SECONDS 300

struct delivery {
	struct settings *settings;
	struct arena *arena;
	struct store *store;
	struct botapi *api;
	struct failure failure;
	struct changes changes;
	const char *queue_id; /* escaped */
	const char *recipient;
	const char *shown; /* the recipient, escaped */
	int fd;		   /* the message */
	struct mailhead head;
	struct category category;
	struct store_user user; /* whose chat it is */
	struct store_account account;
	struct chattext text;
	int64_t link;
	int64_t now;
};

static const char usage_text[] =
    "usage: notify-telegram [-fnvV] [-c FILE] QUEUEID RECIPIENT < MESSAGE\n"
    "\n"
    "  -c FILE  the settings (" SETTINGS_FILE ")\n"
    "  -f       accepted for symmetry: it always runs in the foreground\n"
    "  -n       check the settings and the token file, and exit\n"
    "  -v       log each step too\n"
    "  -V       print the version and exit\n"
    "\n"
    "Exit status: 0 done with it, 75 try again later.\n";

static int done(struct delivery *, const char *, const char *, ...)
    PRINTF_LIKE(3, 4);
static int later(struct delivery *, const char *, const char *, ...)
    PRINTF_LIKE(3, 4);
static int report(struct delivery *, enum log_level, int, const char *,
    const char *, va_list) __attribute__((format(printf, 5, 0)));
static void count(const struct delivery *, const char *);
static int trouble(struct delivery *);
static int store_trouble(struct delivery *);
static int64_t link_of(struct delivery *);
static int find_category(struct delivery *, const char **);
static int find_user(struct delivery *, int64_t, const char **);
static int look_up(struct delivery *);
static int wait_turn(struct delivery *);
static int note_waiting(struct delivery *);
static void forget(struct delivery *);
static int make_text(struct delivery *);
static json_t *params(struct delivery *, bool);
static enum outcome send_text(struct delivery *, bool, struct botapi_answer *);
static int end_link(struct delivery *, const char *);
static int strike(struct delivery *, const char *);
static int move(struct delivery *, int64_t);
static int sent(struct delivery *);
static int act(struct delivery *, enum outcome, const struct botapi_answer *);
static int deliver(struct delivery *);
static int hand_over(void *, const struct store_notice *, struct failure *);
static int check_only(struct delivery *);

static void
count(const struct delivery *d, const char *outcome)
{
	struct failure failure = FAILURE_INIT;
	char labels[64];

	if (*d->settings->telegram_stats_file == '\0')
		return;
	snprintf(labels, sizeof(labels), "outcome=\"%s\"", outcome);
	/* Not worth more than a word to who wants to know everything: the log
	 * has the outcome. */
	if (counters_bump(d->settings->telegram_stats_file, COUNTER_MIRRORED,
		labels, &failure) != 0)
		log_debug("stats: %s", failure_text(&failure));
	failure_clear(&failure);
}

/* Count what became of it, and log it; standard error too, where pipe(8) takes
 * the reason for mailq from. */
static int
report(struct delivery *d, enum log_level level, int status,
    const char *outcome, const char *fmt, va_list ap)
{
	char reason[1024];
	const char *shown;

	count(d, outcome);
	vsnprintf(reason, sizeof(reason), fmt, ap);
	shown = escape_text(d->arena, reason);
	log_message(level, "%s: to=<%s> account=%s outcome=%s%s%s%s",
	    d->queue_id, d->shown,
	    d->user.account_name == NULL ? "-" : d->user.account_name, outcome,
	    *reason == '\0' ? "" : " reason=\"", shown == NULL ? "" : shown,
	    *reason == '\0' ? "" : "\"");
	return (status);
}

static int
done(struct delivery *d, const char *outcome, const char *fmt, ...)
{
	va_list ap;
	int status;

	va_start(ap, fmt);
	status = report(d, LOG_LEVEL_INFO, EX_OK, outcome, fmt, ap);
	va_end(ap);
	return (status);
}

static int
later(struct delivery *d, const char *outcome, const char *fmt, ...)
{
	va_list ap;
	int status;

	va_start(ap, fmt);
	status = report(d, LOG_LEVEL_WARNING, EX_TEMPFAIL, outcome, fmt, ap);
	va_end(ap);
	return (status);
}

static int
trouble(struct delivery *d)
{
	return (later(d, "again", "%s", failure_text(&d->failure)));
}

static int
store_trouble(struct delivery *d)
{
	store_end(d->store);
	if (d->failure.kind == FAILURE_NONE)
		store_failed(d->store, &d->failure);
	return (trouble(d));
}

/* The number before the @, or 0. */
static int64_t
link_of(struct delivery *d)
{
	struct address address;
	long long id;
	char *end;

	if (address_read(d->arena, d->recipient, &address) != 1 ||
	    strcmp(address.domain, d->settings->telegram_domain) != 0)
		return (0);
	errno = 0;
	id = strtoll(address.key, &end, 10);
	return (
	    isdigit((unsigned char)address.key[0]) && *end == '@' && errno == 0
		? id
		: 0);
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

/* The category, and the user whose link it is. 0 and ${*why} if either is not
 * there. */
static int
find_user(struct delivery *d, int64_t link, const char **why)
{
	int found;

	found = find_category(d, why);
	if (found != 1)
		return (found);
	*why = "the link has ended";
	return (store_link(d->store, d->arena, link, d->category.id, &d->user));
}

/* Look the link up again: it may be gone, or no longer entitled. -1: go on. */
static int
look_up(struct delivery *d)
{
	char key[ACCOUNT_KEY_SIZE];
	const char *why;
	int found;

	if (d->link == 0)
		return (done(d, "no-link", "this is no chat's address"));
	if (store_begin(d->store, DB_READ) != 0)
		return (store_trouble(d));
	found = find_user(d, d->link, &why);
	if (found == 1 &&
	    (account_key(d->user.account_name, key) != 1 ||
		store_account(d->store, d->arena, key, &d->account) != 1))
		found = -1;
	if (found == -1)
		return (store_trouble(d));
	store_end(d->store);
	if (found == 0) {
		forget(d);
		return (done(d, "no-link", "%s", why));
	}
	if (!role_mirrored(d->user.role, d->user.subscribed, &d->category)) {
		forget(d);
		return (done(d, "not-entitled", "%s no longer receives %s",
		    d->user.address, d->category.slug));
	}
	return (-1);
}

/* Messages reach a chat in the order in which they arrived. -1: go on. */
static int
wait_turn(struct delivery *d)
{
	int64_t before;
	int found;

	if (store_begin(d->store, DB_READ) != 0)
		return (store_trouble(d));
	found = store_waiting_before(d->store, d->user.chat, d->queue_id,
	    d->head.arrived, d->now - FORGOTTEN_SECONDS, d->now + CLOCK_SECONDS,
	    &before);
	if (found == -1)
		return (store_trouble(d));
	store_end(d->store);
	if (before == 0)
		return (-1);
	if (note_waiting(d) != 0)
		return (store_trouble(d));
	return (later(d, "waiting", "%lld earlier messages wait for this chat",
	    (long long)before));
}

/* Given up: later messages for the chat need not wait for this one. If that
 * cannot be noted, it is forgotten in time. */
static void
forget(struct delivery *d)
{
	if (store_begin(d->store, DB_WRITE) != 0 ||
	    store_waiting_remove(d->store, d->link, d->queue_id) == -1 ||
	    store_commit(d->store) != 0)
		store_end(d->store);
}

/* Let later messages for the chat wait for this one. */
static int
note_waiting(struct delivery *d)
{
	if (store_begin(d->store, DB_WRITE) != 0 ||
	    store_waiting_expire(d->store, d->now - FORGOTTEN_SECONDS,
		d->now + CLOCK_SECONDS) == -1 ||
	    store_waiting_add(d->store, d->link, d->user.chat, d->queue_id,
		d->head.arrived, d->now) == -1 ||
	    store_commit(d->store) != 0) {
		store_end(d->store);
		return (-1);
	}
	return (0);
}

static int
make_text(struct delivery *d)
{
	const char *footer;

	footer = *d->account.title == '\0'
	    ? arena_printf(
		  d->arena, "%s · %s", d->category.title, d->account.name)
	    : arena_printf(d->arena, "%s · %s (%s)", d->category.title,
		  d->account.title, d->account.name);
	if (footer == NULL)
		return (failure_memory(&d->failure));
	return (chattext_read(d->fd, footer, &d->text, &d->failure));
}

static json_t *
params(struct delivery *d, bool bold)
{
	json_t *p;

	p = json_pack("{s:I, s:s, s:{s:b}}", "chat_id",
	    (json_int_t)d->user.chat, "text", d->text.text,
	    "link_preview_options", "is_disabled", 1);
	if (p != NULL && bold && d->text.bold_units > 0)
		json_object_set_new(p, "entities",
		    json_pack("[{s:s, s:i, s:I}]", "type", "bold", "offset", 0,
			"length", (json_int_t)d->text.bold_units));
	return (p);
}

/* Send, waiting for a short retry_after. */
static enum outcome
send_text(struct delivery *d, bool bold, struct botapi_answer *answer)
{
	enum outcome outcome;
	int waits;

	for (waits = 0;; waits++) {
		botapi_call(d->api, "sendMessage", params(d, bold),
		    SEND_SECONDS, answer);
		outcome = outcome_of(answer);
		if (outcome != OUTCOME_LATER || waits == SHORT_WAITS ||
		    answer->retry_after < 1 ||
		    answer->retry_after > SHORT_SECONDS)
			return (outcome);
		sleep((unsigned)answer->retry_after);
		botapi_answer_clear(answer);
	}
}

static int
hand_over(void *ctx, const struct store_notice *notice, struct failure *failure)
{
	const struct delivery *d = ctx;

	return (mailer_notice(d->settings, notice, failure));
}

/* The chat is dead: end the link, and tell the user by mail. */
static int
end_link(struct delivery *d, const char *why)
{
	struct failure failure = FAILURE_INIT;
	struct store_user now;
	int found;

	if (store_begin(d->store, DB_WRITE) != 0)
		return (store_trouble(d));
	/* The user may have linked another chat meanwhile. */
	found = store_link(d->store, d->arena, d->link, d->category.id, &now);
	if (found == -1 ||
	    (found == 1 && now.chat == d->user.chat &&
		link_lost(&d->changes, &d->user, why) == -1) ||
	    store_waiting_remove(d->store, d->link, d->queue_id) == -1 ||
	    store_commit(d->store) != 0)
		return (store_trouble(d));
	if (notice_flush(d->store, d->arena, hand_over, d, &failure) != 0)
		log_warning("%s", failure_text(&failure));
	failure_clear(&failure);
	return (done(d, "gone", "%s; the link is ended", why));
}

static int
strike(struct delivery *d, const char *why)
{
	int64_t strikes = 0;
	int found;

	if (store_begin(d->store, DB_WRITE) != 0)
		return (store_trouble(d));
	found = store_link_strike(d->store, d->user.link, false, &strikes);
	if (found == -1 ||
	    (found == 1 &&
		store_waiting_add(d->store, d->link, d->user.chat, d->queue_id,
		    d->head.arrived, d->now) == -1) ||
	    store_commit(d->store) != 0)
		return (store_trouble(d));
	if (found == 0) {
		forget(d);
		return (done(d, "no-link", "the link has ended"));
	}
	if (strikes >= LINK_STRIKES)
		return (end_link(d, "Telegram does not find the chat"));
	return (later(d, "strike", "%s (%lld of %d)", why, (long long)strikes,
	    LINK_STRIKES));
}

/* The group has a new id: store it, and send there. */
static int
move(struct delivery *d, int64_t to)
{
	struct botapi_answer answer;
	enum outcome outcome;
	int status;

	if (store_begin(d->store, DB_WRITE) != 0)
		return (store_trouble(d));
	if (store_link_move(d->store, d->user.chat, to) == -1 ||
	    store_commit(d->store) != 0)
		return (store_trouble(d));
	done(d, "moved", "%s", "");
	d->user.chat = to;
	outcome = send_text(d, true, &answer);
	/* Moved again at once: that is nonsense, and not to be followed. */
	status =
	    act(d, outcome == OUTCOME_MOVED ? OUTCOME_AGAIN : outcome, &answer);
	botapi_answer_clear(&answer);
	return (status);
}

static int
sent(struct delivery *d)
{
	int64_t strikes;

	/* It is sent: whatever fails from here on, it must not be sent again.
	 */
	if (store_begin(d->store, DB_WRITE) != 0 ||
	    store_link_strike(d->store, d->user.link, true, &strikes) == -1 ||
	    store_waiting_remove(d->store, d->link, d->queue_id) == -1 ||
	    store_commit(d->store) != 0) {
		log_warning("%s: sent, but not noted: %s", d->queue_id,
		    failure_text(store_failure(d->store)));
		store_end(d->store);
	}
	return (done(d, "sent", "%s", ""));
}

/* What an outcome leads to. */
static int
act(struct delivery *d, enum outcome outcome,
    const struct botapi_answer *answer)
{
	switch (outcome) {
	case OUTCOME_SENT:
		return (sent(d));
	case OUTCOME_AGAIN:
	case OUTCOME_CONFLICT:
		if (note_waiting(d) != 0)
			return (store_trouble(d));
		return (later(d, "again", "%s", answer->text));
	case OUTCOME_LATER:
		if (note_waiting(d) != 0)
			return (store_trouble(d));
		return (later(d, "later", "%s (after %ld s)", answer->text,
		    answer->retry_after));
	case OUTCOME_TOKEN:
		if (note_waiting(d) != 0)
			return (store_trouble(d));
		return (later(d, "token",
		    "Telegram rejects the bot's token (%s); see %s",
		    answer->text, d->settings->token_file));
	case OUTCOME_GONE:
		return (end_link(d, answer->text));
	case OUTCOME_STRIKE:
		return (strike(d, answer->text));
	case OUTCOME_MOVED:
		return (move(d, answer->migrate_to));
	case OUTCOME_REFUSED:
		forget(d);
		return (done(d, "refused", "%s", answer->text));
	}
	return (EX_TEMPFAIL);
}

static int
deliver(struct delivery *d)
{
	struct botapi_answer answer;
	enum outcome outcome;
	int status;

	d->fd = spool(STDIN_FILENO, &d->failure);
	if (d->fd == -1 ||
	    mailhead_read(d->fd, d->arena, &d->head, &d->failure) != 0)
		return (trouble(d));
	if (d->head.arrived == 0)
		d->head.arrived = d->now;
	d->link = link_of(d);
	d->store = store_open(d->settings->url, DB_WRITE, WAIT_MS, &d->failure);
	if (d->now - d->head.arrived > d->settings->max_age) {
		if (d->store != NULL)
			forget(d);
		return (
		    done(d, "old", "it arrived %lld s ago, max_age is %ld s",
			(long long)(d->now - d->head.arrived),
			d->settings->max_age));
	}
	if (d->store == NULL)
		return (trouble(d));
	d->changes.store = d->store;
	status = look_up(d);
	if (status == -1)
		status = wait_turn(d);
	if (status != -1)
		return (status);
	d->api = botapi_open(d->settings, &d->failure);
	if (d->api == NULL || make_text(d) != 0)
		return (trouble(d));
	outcome = send_text(d, true, &answer);
	if (outcome == OUTCOME_REFUSED) {
		/* If it was the entity, plain text goes through. */
		botapi_answer_clear(&answer);
		outcome = send_text(d, false, &answer);
	}
	status = act(d, outcome, &answer);
	botapi_answer_clear(&answer);
	return (status);
}

static int
check_only(struct delivery *d)
{
	d->api = botapi_open(d->settings, &d->failure);
	if (d->api == NULL) {
		log_error("%s", failure_text(&d->failure));
		return (EX_CONFIG);
	}
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

	/* A slip in master.cf: keep the message until it is mended. */
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
	tag_start();
	mailer_start();
	chattext_start();
	d.now = time(NULL);
	d.arena = arena_new(ARENA_MAX);
	d.settings = settings_read(options.file, &d.failure);
	status = check ? EX_CONFIG : EX_TEMPFAIL;
	if (d.arena != NULL && !check) {
		d.recipient = argv[first + 1];
		d.queue_id = escape_text(d.arena, argv[first]);
		d.shown = escape_text(d.arena, d.recipient);
	}
	if (d.settings == NULL || d.arena == NULL ||
	    (!check && (d.queue_id == NULL || d.shown == NULL))) {
		log_error("%s", failure_text(&d.failure));
		goto out;
	}
	d.changes.settings = d.settings;
	d.changes.arena = d.arena;
	d.changes.failure = &d.failure;
	d.changes.actor = "notify-telegram";
	d.changes.now = d.now;
	status = check ? check_only(&d) : deliver(&d);
out:
	chattext_clear(&d.text);
	botapi_close(d.api);
	store_close(d.store);
	settings_free(d.settings);
	arena_free(d.arena);
	failure_clear(&d.failure);
	if (d.fd != -1)
		close(d.fd);
	return (status);
}
