/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify-bot - links chats, by what people say to the Telegram bot
 *
 * Long polling: getUpdates waits at Telegram until somebody says something. An
 * update counts as handled when its number is stored, in the transaction of
 * the change that it caused: after a crash none is lost and none done twice.
 * Whatever is wrong is logged once and tried again with growing pauses.
 *
 * One polls, however many are started: the one that has claimed the roster.
 * The others ask each second whether it is free.
 */
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/failure.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "roster/membership.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_link.h"
#include "telegram/botapi.h"
#include "telegram/commands.h"
#include "telegram/outcome.h"
#include "telegram/patience.h"
#include "telegram/update.h"

/* Short, since a signal does not end it. */
#define WAIT_MS 1500
#define ARENA_MAX ((size_t)64 << 20)
#define POLL_SECONDS 50
#define CALL_SECONDS 30
/* So many of the longest there can be fit into what botapi.c receives. */
#define UPDATES_AT_ONCE 50
#define PAUSE_MAX 60
/* Telegram numbers updates anew at random after a week without one. */
#define IDLE_SECONDS (6 * 24 * 3600)
/* As many kinds of trouble are told apart. */
#define TROUBLES_MAX 16
/* As often it is logged that many tokens do not work. */
#define WARN_SECONDS 600
/* A pause that Telegram asks for is kept, up to this. */
#define ASKED_PAUSE_MAX 3600
#define OFFSET "bot_offset"
#define OFFSET_AT "bot_offset_at"

struct bot {
	const char *file;
	struct settings *settings;
	struct botapi *api;
	struct store *store;
	struct arena *arena;
	struct failure failure;
	struct patience *patience;
	bool patience_read; /* what the database has of it */
	int64_t passed;	    /* an update whose number is not stored yet; or 0 */
	int64_t warned;	    /* that many tokens do not work */
	char *troubles[TROUBLES_MAX]; /* that were logged since all was well */
	size_t ntroubles;
	unsigned pause; /* seconds, before the next try */
	/* When the last update was handled, as it is stored, and by a clock
	 * that does not jump. */
	int64_t handled_at, handled;
	bool standing_by;
};

static const char usage_text[] =
    "usage: notify-bot [-fnvV] [-c FILE]\n"
    "\n"
    "  -c FILE  the settings (" SETTINGS_FILE ")\n"
    "  -f       stay in the foreground, log to standard error too\n"
    "  -n       check the settings and the token file, and exit\n"
    "  -v       log what is asked and answered too\n"
    "  -V       print the version and exit\n"
    "\n"
    "SIGUSR1 reloads the settings; SIGTERM ends.\n";

static volatile sig_atomic_t ending, reloading;

static void on_signal(int);
static bool interrupted(void);
static bool is_ending(void);
static int load(struct bot *);
static void rest(struct bot *);
static void in_trouble(struct bot *, const char *, const char *);
static void all_well(struct bot *);
static int open_store(struct bot *);
static int claim(struct bot *);
static void stand_by(struct bot *);
static int store_trouble(struct bot *);
static int64_t steady(void);
static int64_t idle(const struct bot *, int64_t);
static int read_offset(struct bot *, int64_t *);
static int store_number(struct bot *, int64_t);
static int read_patience(struct bot *, struct changes *);
static void warn_of_guesses(struct bot *, int64_t);
static int handle(struct bot *, int64_t, const struct said *, const char **);
static int take_update(struct bot *, const json_t *);
static int pass(struct bot *);
static void reply(struct bot *, int64_t, const char *);
static int poll_once(struct bot *);
static void run(struct bot *);

static void
on_signal(int sig)
{
	if (sig == SIGUSR1)
		reloading = 1;
	else
		ending = 1;
}

static bool
interrupted(void)
{
	return (ending || reloading);
}

/* An answer that is on its way is not given up for a reload. */
static bool
is_ending(void)
{
	return (ending);
}

/* Settings and token; what was in force stays if they cannot be read. */
static int
load(struct bot *b)
{
	struct settings *settings;
	struct botapi *api;

	settings = settings_read(b->file, &b->failure);
	if (settings == NULL)
		return (-1);
	api = botapi_open(settings, &b->failure);
	if (api == NULL) {
		settings_free(settings);
		return (-1);
	}
	botapi_close(b->api);
	store_close(b->store);
	settings_free(b->settings);
	b->settings = settings;
	b->api = api;
	b->store = NULL;
	return (0);
}

/* Pause, and let the next pause be longer. A signal ends it. */
static void
rest(struct bot *b)
{
	const struct timespec tick = {.tv_nsec = 200000000};
	unsigned pause, i;

	pause = b->pause == 0 ? 1 : b->pause;
	b->pause = pause * 2 > PAUSE_MAX ? PAUSE_MAX : pause * 2;
	/* In small steps: a signal just before one is noticed after it. */
	for (i = 0; i < pause * 5 && !interrupted(); i++)
		nanosleep(&tick, NULL);
}

/* Log each kind of trouble once, until all is well again; then pause. */
static void
in_trouble(struct bot *b, const char *what, const char *text)
{
	char *line;
	size_t i;

	if (asprintf(&line, "%s: %s", what,
		*text == '\0' ? "an answer that makes no sense" : text) < 0)
		line = NULL;
	for (i = 0; i < b->ntroubles && line != NULL; i++) {
		if (strcmp(line, b->troubles[i]) == 0)
			break;
	}
	if (line != NULL && i == b->ntroubles && i < TROUBLES_MAX) {
		log_error("%s; trying again", line);
		b->troubles[b->ntroubles++] = line;
		line = NULL;
	}
	free(line);
	rest(b);
}

static void
all_well(struct bot *b)
{
	if (b->ntroubles > 0)
		log_info("it works again");
	while (b->ntroubles > 0)
		free(b->troubles[--b->ntroubles]);
	b->pause = 0;
}

static int
open_store(struct bot *b)
{
	if (b->store != NULL && !store_current(b->store)) {
		store_close(b->store);
		b->store = NULL;
	}
	if (b->store == NULL)
		b->store = store_open(
		    b->settings->url, DB_WRITE, WAIT_MS, &b->failure);
	return (b->store == NULL ? -1 : 0);
}

/* Have the roster, for us alone: 1, or 0: another notify-bot has. */
static int
claim(struct bot *b)
{
	int rc;

	if (open_store(b) != 0)
		return (-1);
	rc = store_claim(b->store);
	return (rc == -1 ? store_trouble(b) : rc);
}

/* Another one polls. */
static void
stand_by(struct bot *b)
{
	if (!b->standing_by) {
		log_info("another notify-bot polls; standing by");
		daemon_ready("standing by: another notify-bot polls");
	}
	b->standing_by = true;
	b->pause = 1;
	rest(b);
	b->pause = 0;
}

/* What was opened while it could only be read, or has read what was not sound,
 * stays like that: the next try opens it anew. */
static int
store_trouble(struct bot *b)
{
	store_end(b->store);
	if (b->failure.kind == FAILURE_NONE)
		store_failed(b->store, &b->failure);
	store_close(b->store);
	b->store = NULL;
	return (-1);
}

static int64_t
steady(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (t.tv_sec);
}

/* How long ago an update was handled that is stored as handled ${at}: a clock
 * that is put right must not have it handled again. */
static int64_t
idle(const struct bot *b, int64_t at)
{
	if (at == b->handled_at)
		return (steady() - b->handled);
	return (time(NULL) - at);
}

/* The number to ask from: 0 to ask for all there is. */
static int
read_offset(struct bot *b, int64_t *offset)
{
	int64_t at = 0;

	*offset = 0;
	if (store_begin(b->store, DB_READ) != 0 ||
	    store_state_get(b->store, OFFSET, offset) == -1 ||
	    store_state_get(b->store, OFFSET_AT, &at) == -1)
		return (store_trouble(b));
	store_end(b->store);
	if (idle(b, at) > IDLE_SECONDS)
		*offset = 0;
	return (0);
}

static int
store_number(struct bot *b, int64_t id)
{
	int64_t now = time(NULL);

	if (store_state_set(b->store, OFFSET, id + 1) == -1 ||
	    store_state_set(b->store, OFFSET_AT, now) == -1 ||
	    store_commit(b->store) != 0)
		return (store_trouble(b));
	b->handled_at = now;
	b->handled = steady();
	b->passed = 0;
	return (0);
}

/* Who had to wait before a restart still has to. */
static int
read_patience(struct bot *b, struct changes *c)
{
	if (b->patience_read)
		return (0);
	if (commands_begin(c, b->patience) != 0)
		return (-1);
	b->patience_read = true;
	return (0);
}

static void
warn_of_guesses(struct bot *b, int64_t now)
{
	int wrong = patience_crowded(b->patience, now);

	if (wrong == 0 || now - b->warned < WARN_SECONDS)
		return;
	b->warned = now;
	log_warning("%d connect tokens that do not work within a minute: "
		    "somebody may be guessing; nobody is told any more that "
		    "one does not",
	    wrong);
}

/* Do what an update says, if anything, and store its number with it. */
static int
handle(struct bot *b, int64_t id, const struct said *said, const char **answer)
{
	struct changes c = {.settings = b->settings,
	    .arena = b->arena,
	    .failure = &b->failure,
	    .actor = "telegram chat",
	    .now = time(NULL)};

	*answer = NULL;
	/* Not if another has it now, which asks for the same update. */
	switch (claim(b)) {
	case 1:
		break;
	case 0:
		return (failure_set(&b->failure, FAILURE_BUSY,
		    "another notify-bot has taken over"));
	default:
		return (-1);
	}
	c.store = b->store;
	if (store_begin(b->store, DB_WRITE) != 0)
		return (store_trouble(b));
	if (said != NULL) {
		if (read_patience(b, &c) != 0 ||
		    commands_answer(&c, b->patience, said, answer) == -1)
			return (store_trouble(b));
		log_debug("update %lld of chat %lld: %s", (long long)id,
		    (long long)said->chat,
		    *answer == NULL ? "no answer" : "answered");
		warn_of_guesses(b, c.now);
	}
	return (store_number(b, id));
}

static void
reply(struct bot *b, int64_t chat, const char *text)
{
	struct botapi_answer answer;

	botapi_stop_when(b->api, is_ending);
	botapi_call(b->api, "sendMessage",
	    json_pack("{s:I, s:s}", "chat_id", (json_int_t)chat, "text", text),
	    CALL_SECONDS, &answer);
	/* Who does not get an answer asks again. */
	if (outcome_of(&answer) != OUTCOME_SENT)
		log_warning("an answer was not sent: %s", answer.text);
	botapi_answer_clear(&answer);
}

static int
take_update(struct bot *b, const json_t *update)
{
	struct update u;
	const char *answer;
	int found;

	found = update_read(update, &u);
	if (found == -1)
		return (-2);
	patience_mark(b->patience, u.said.chat);
	/* Its number is stored with the next one, or with the last. */
	if (found == 0 || !commands_heard(b->patience, &u.said, time(NULL))) {
		b->passed = u.id;
		return (0);
	}
	arena_reset(b->arena);
	failure_clear(&b->failure);
	if (handle(b, u.id, &u.said, &answer) != 0) {
		/* It comes again, and is then said for the first time. */
		patience_back(b->patience);
		b->patience_read = false;
		return (-1);
	}
	if (answer != NULL)
		reply(b, u.said.chat, answer);
	return (0);
}

/* Store the number of what was passed over last. */
static int
pass(struct bot *b)
{
	const char *none;

	if (b->passed == 0)
		return (0);
	failure_clear(&b->failure);
	return (handle(b, b->passed, NULL, &none));
}

/* Ask, and handle what comes. -1: something was wrong, and logged. */
static int
poll_once(struct bot *b)
{
	struct botapi_answer answer;
	int64_t offset;
	json_t *params;
	time_t asked;
	size_t i;
	int rc;

	failure_clear(&b->failure);
	rc = claim(b);
	if (rc == 0) {
		stand_by(b);
		return (0);
	}
	if (rc == 1 && b->standing_by) {
		log_info("polling: the other notify-bot has ended");
		daemon_ready("polling");
		b->standing_by = false;
	}
	asked = time(NULL);
	if (rc == -1 || read_offset(b, &offset) != 0) {
		in_trouble(b, "roster", failure_text(&b->failure));
		return (-1);
	}
	params = json_pack("{s:i, s:i, s:[s]}", "timeout", POLL_SECONDS,
	    "limit", UPDATES_AT_ONCE, "allowed_updates", "message");
	if (offset != 0)
		json_object_set_new(params, "offset", json_integer(offset));
	botapi_stop_when(b->api, interrupted);
	botapi_call(
	    b->api, "getUpdates", params, POLL_SECONDS + CALL_SECONDS, &answer);
	log_debug("getUpdates from %lld: %zu updates", (long long)offset,
	    json_array_size(answer.result));
	rc = 0;
	if (interrupted()) {
		/* Nothing that came is stored: it comes again. */
	} else if (outcome_of(&answer) != OUTCOME_SENT ||
	    !json_is_array(answer.result)) {
		if (answer.retry_after > 0)
			b->pause = answer.retry_after > ASKED_PAUSE_MAX
			    ? ASKED_PAUSE_MAX
			    : (unsigned)answer.retry_after;
		in_trouble(b, "Telegram", answer.text);
		rc = -1;
	}
	for (i = 0; rc == 0 && !ending && i < json_array_size(answer.result);
	     i++) {
		rc = take_update(b, json_array_get(answer.result, i));
		if (rc == -1)
			in_trouble(b, "roster", failure_text(&b->failure));
		else if (rc == -2)
			in_trouble(b, "Telegram", "an update without a number");
	}
	/* Trouble has closed it: another notify-bot may have the roster. */
	if (b->store != NULL && pass(b) != 0 && rc == 0) {
		in_trouble(b, "roster", failure_text(&b->failure));
		rc = -1;
	}
	/* An API that does not wait must not be asked without a pause. */
	if (rc == 0 && json_array_size(answer.result) == 0 &&
	    time(NULL) - asked < 2)
		rest(b);
	botapi_answer_clear(&answer);
	return (rc);
}

static void
run(struct bot *b)
{
	while (!ending) {
		if (reloading) {
			reloading = 0;
			daemon_reloading();
			if (load(b) == 0)
				log_info("reload: the settings in %s are in "
					 "force",
				    b->file);
			else
				log_error("reload: %s; the old settings stay",
				    failure_text(&b->failure));
			b->standing_by = false;
			daemon_ready("polling");
		}
		if (poll_once(b) == 0)
			all_well(b);
	}
}

int
main(int argc, char **argv)
{
	struct bot b = {.failure = FAILURE_INIT};
	struct sigaction sa = {.sa_handler = on_signal};
	struct daemon_options options = {0};
	const struct passwd *pw = NULL;
	int first, status;

	first = daemon_options(
	    &options, "notify-bot", usage_text, EX_USAGE, argc, argv);
	if (first < argc) {
		fprintf(stderr, "notify-bot: unexpected \"%s\"\n%s",
		    argv[first], usage_text);
		return (EX_USAGE);
	}
	log_open("notify-bot", true);
	log_verbose(options.verbose);
	b.file = options.file;
	b.arena = arena_new(ARENA_MAX);
	status = EX_CONFIG;
	b.patience = patience_new();
	if (b.arena == NULL || b.patience == NULL || load(&b) != 0)
		goto out;
	if (daemon_user(&options, b.settings, &pw, &b.failure) == -1)
		goto out;
	if (options.check_only) {
		printf("%s: the settings are good\n", b.file);
		status = EX_OK;
		goto out;
	}
	/* Whoever has started us in the background may send one at once. */
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* The token is read: from here on root is not needed. */
	status = EX_OSERR;
	if (daemon_become(pw, &b.failure) != 0 ||
	    daemon_background(&options, &b.failure) != 0)
		goto out;
	b.file = options.file;
	log_open("notify-bot", options.foreground);
	log_info("ready, database %s", b.settings->database);
	daemon_ready("polling");
	run(&b);
	daemon_ending();
	log_info("ended");
	status = EX_OK;
	failure_clear(&b.failure);
out:
	if (status != EX_OK)
		log_error("%s", failure_text(&b.failure));
	botapi_close(b.api);
	store_close(b.store);
	settings_free(b.settings);
	arena_free(b.arena);
	patience_free(b.patience);
	failure_clear(&b.failure);
	while (b.ntroubles > 0)
		free(b.troubles[--b.ntroubles]);
	return (status);
}
