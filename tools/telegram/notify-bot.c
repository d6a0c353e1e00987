/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * notify-bot - links chats, by what people say to the Telegram bot
 *
 * Polls for what people say (polling.h) until a signal ends it, reloads, and
 * tells the service manager. Each failure is logged once and retried with
 * growing pauses. Of several notify-bots one polls; the others stand by, and
 * try each second to take over.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "base/arena.h"
#include "base/escape.h"
#include "lib/daemon.h"
#include "lib/log.h"
#include "lib/texts.h"
#include "settings/settings.h"
#include "telegram/botapi.h"
#include "telegram/outcome.h"
#include "telegram/patience.h"
#include "telegram/polling.h"

#define ARENA_MAX ((size_t)64 << 20)
#define PAUSE_MAX 60
/* For -t, the longest wait. */
#define NAME_SECONDS 10
/* The longest pause that Telegram may ask for. */
#define ASKED_PAUSE_MAX 3600
/* The number of different failures to remember. */
#define TROUBLES_MAX 16
/* For the service manager. */
#define POLLING "polling"
#define STANDING_BY "standing by: another notify-bot polls"

struct bot {
	const char *file;
	struct polling polling;
	char *troubles[TROUBLES_MAX]; /* logged since the last success */
	size_t ntroubles;
	unsigned pause; /* seconds, before the next try */
	bool check_only, ask, bad_texts;
	bool standing_by;
};

static const char usage_text[] =
    "usage: notify-bot [-fntvV] [-c FILE]\n"
    "\n"
    "  -c FILE  the settings (" SETTINGS_FILE ")\n"
    "  -f       stay in the foreground, log to standard error too\n"
    "  -n       check the settings, the token file and the texts, and exit\n"
    "  -t       print the bot's name, which Telegram says for the token, and "
    "exit\n"
    "  -v       log what is asked and answered too\n"
    "  -V       print the version and exit\n"
    "\n"
    "SIGUSR1 reloads the settings; SIGTERM ends.\n";

static volatile sig_atomic_t ending, reloading;

static void on_signal(int);
static bool is_ending(void);
static bool interrupted(void);
static void bad_text(void *, const char *);
static int load(struct bot *);
static void reload(struct bot *);
static void rest(struct bot *);
static void in_trouble(struct bot *);
static void all_well(struct bot *);
static void stand_by(struct bot *);
static void take_over(struct bot *);
static void run(struct bot *);
static int ask_name(struct polling *);

static void
on_signal(int sig)
{
	if (sig == SIGUSR1)
		reloading = 1;
	else
		ending = 1;
}

/* An answer on its way is not given up for a reload. */
static bool
is_ending(void)
{
	return (ending);
}

static bool
interrupted(void)
{
	return (ending || reloading);
}

/* A text that is wrong is not used; it stops nothing. */
static void
bad_text(void *ctx, const char *what)
{
	struct bot *b = ctx;

	b->bad_texts = true;
	if (b->ask)
		return;
	if (b->check_only)
		log_error("%s", what);
	else
		log_warning("%s; the built-in text is used", what);
}

/* Read settings, token and texts; if they cannot be read the old ones stay. */
static int
load(struct bot *b)
{
	struct polling *p = &b->polling;
	struct settings *settings;
	struct botapi *api;

	settings = settings_read(b->file, &p->failure);
	if (settings == NULL)
		return (-1);
	api = botapi_open(settings, &p->failure);
	if (api == NULL) {
		settings_free(settings);
		return (-1);
	}
	polling_close(p);
	botapi_close(p->api);
	texts_close(p->texts);
	settings_free(p->settings);
	p->settings = settings;
	p->api = api;
	p->texts = texts_open(settings, bad_text, b);
	return (0);
}

static void
reload(struct bot *b)
{
	daemon_reloading();
	if (load(b) == 0)
		log_info("reload: the settings in %s are in force", b->file);
	else
		log_error("reload: %s; the old settings stay",
		    failure_text(&b->polling.failure));
	b->standing_by = false;
	/* What the operator may have put right is tried at once. */
	b->polling.farewells.next = 0;
	b->polling.menu = (struct menu){0};
	daemon_ready(POLLING);
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

/* Log each failure once until the next success, tell the service manager of the
 * last one, and pause. */
static void
in_trouble(struct bot *b)
{
	const struct polling *p = &b->polling;
	char *line;
	size_t i;

	if (asprintf(&line, "%s: %s; retrying", p->failed,
		failure_text(&p->failure)) < 0)
		line = NULL;
	daemon_ready(line == NULL ? "out of memory; retrying" : line);
	for (i = 0; i < b->ntroubles && line != NULL; i++) {
		if (strcmp(line, b->troubles[i]) == 0)
			break;
	}
	if (line != NULL && i == b->ntroubles && i < TROUBLES_MAX) {
		log_error("%s", line);
		b->troubles[b->ntroubles++] = line;
		line = NULL;
	}
	free(line);
	if (p->retry_after > 0)
		b->pause = p->retry_after > ASKED_PAUSE_MAX
		    ? ASKED_PAUSE_MAX
		    : (unsigned)p->retry_after;
	rest(b);
}

static void
all_well(struct bot *b)
{
	if (b->ntroubles > 0) {
		log_info("it works again");
		daemon_ready(b->standing_by ? STANDING_BY : POLLING);
	}
	while (b->ntroubles > 0)
		free(b->troubles[--b->ntroubles]);
	b->pause = 0;
}

static void
stand_by(struct bot *b)
{
	if (!b->standing_by) {
		log_info("another notify-bot polls; standing by");
		daemon_ready(STANDING_BY);
	}
	b->standing_by = true;
	b->pause = 1;
	rest(b);
	b->pause = 0;
}

static void
take_over(struct bot *b)
{
	if (!b->standing_by)
		return;
	log_info("polling: the other notify-bot has ended");
	daemon_ready(POLLING);
	b->standing_by = false;
}

static void
run(struct bot *b)
{
	struct polling *p = &b->polling;
	int rc;

	while (!ending) {
		if (reloading) {
			reloading = 0;
			reload(b);
		}
		rc = polling_claim(p);
		if (rc == 0) {
			stand_by(b);
		} else if (rc == 1) {
			take_over(b);
			rc = polling_ask(p);
			if (rc == 0)
				rest(b);
		}
		if (rc == -1)
			in_trouble(b);
		else
			all_well(b);
	}
}

/* Print whose the token is, in Telegram's words. The exit status; if it is not
 * 0, p->failure says why. 404 may come from something else at that address. */
static int
ask_name(struct polling *p)
{
	struct botapi_answer a;
	const char *name;
	char shown[64];
	int status = EX_TEMPFAIL;

	botapi_call(
	    p->api, "getMe", json_object(), NAME_SECONDS, is_ending, &a);
	name = json_string_value(json_object_get(a.result, "username"));
	if (outcome_of(&a) == OUTCOME_SENT && name != NULL) {
		escape_line(shown, sizeof(shown), name);
		status = daemon_says("notify-bot", "%s", shown);
	} else if (a.understood && a.error_code == 401) {
		status = EX_NOPERM;
		failure_set(&p->failure, FAILURE_DENIED,
		    "Telegram refuses the token: %s", a.text);
	} else {
		failure_set(&p->failure, FAILURE_BUSY, "%s",
		    *a.text == '\0' ? "an answer without a name" : a.text);
	}
	botapi_answer_clear(&a);
	return (status);
}

int
main(int argc, char **argv)
{
	struct bot b = {0};
	struct polling *p = &b.polling;
	struct sigaction sa = {.sa_handler = on_signal};
	struct daemon_options options = {.may_ask = true};
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
	b.check_only = options.check_only;
	b.ask = options.ask;
	p->arena = arena_new(ARENA_MAX);
	status = EX_CONFIG;
	p->patience = patience_new();
	p->interrupted = interrupted;
	p->ending = is_ending;
	if (p->arena == NULL || p->patience == NULL || load(&b) != 0)
		goto out;
	if (daemon_user(&options, p->settings, &pw, &p->failure) == -1)
		goto out;
	if (options.check_only) {
		if (b.bad_texts)
			goto out;
		status = daemon_says(
		    "notify-bot", "%s: the settings are good", b.file);
		goto out;
	}
	if (options.ask) {
		status = EX_OSERR;
		signal(SIGPIPE, SIG_IGN);
		if (daemon_become(pw, &p->failure) == 0)
			status = ask_name(p);
		goto out;
	}
	/* Whoever started us in the background may send one at once. */
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	/* The token is read: from here on root is not needed. */
	status = EX_OSERR;
	if (daemon_become(pw, &p->failure) != 0 ||
	    daemon_background(&options, &p->failure) != 0)
		goto out;
	b.file = options.file;
	log_open("notify-bot", options.foreground);
	log_info("ready, database %s", p->settings->database);
	daemon_ready(POLLING);
	run(&b);
	daemon_ending();
	log_info("ended");
	status = EX_OK;
	failure_clear(&p->failure);
out:
	if (p->failure.kind == FAILURE_NONE)
		; /* nothing to say, or it is said */
	else if (status != EX_OK && b.ask)
		fprintf(stderr, "notify-bot: %s\n", failure_text(&p->failure));
	else if (status != EX_OK && !(b.check_only && b.bad_texts))
		log_error("%s", failure_text(&p->failure));
	polling_close(p);
	botapi_close(p->api);
	texts_close(p->texts);
	settings_free(p->settings);
	arena_free(p->arena);
	patience_free(p->patience);
	failure_clear(&p->failure);
	while (b.ntroubles > 0)
		free(b.troubles[--b.ntroubles]);
	return (status);
}
