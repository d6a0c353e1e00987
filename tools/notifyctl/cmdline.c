/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmdline - the command line of notifyctl: which command, with what
 *
 * The commands are one table: name, arguments, options, what is to be opened,
 * and the function. Usage, help and completion go by it.
 */
#include <err.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "notifyctl/cmdline.h"
#include "notifyctl/output.h"
#include "settings/settings.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

#define MANY ((size_t)-1)

static const struct ctl_command commands[] = {
    {"init", "", "create or upgrade the database", "", 0, 0, NEEDS_SETTINGS,
	init_database},
    {"account add", "ACCOUNT --owner EMAIL [--title TEXT]",
	"make an account and its owner", "ot", 1, 1, NEEDS_WRITE, accounts_add},
    {"account list", "", "all accounts", "", 0, 0, NEEDS_READ, accounts_list},
    {"account show", "ACCOUNT", "one account and its users", "", 1, 1,
	NEEDS_READ, accounts_show},
    {"account transfer", "ACCOUNT EMAIL", "make another user the owner", "", 2,
	2, NEEDS_WRITE, accounts_transfer},
    {"account remove", "ACCOUNT", "remove an account with all its users", "", 1,
	1, NEEDS_WRITE, accounts_remove},
    {"user add", "ACCOUNT EMAIL... [--role ROLE]",
	"make people users: user-admin, member (default) or subscriber", "r", 2,
	MANY, NEEDS_WRITE, users_add},
    {"user list", "ACCOUNT", "the users and what they are subscribed to", "", 1,
	1, NEEDS_READ, users_list},
    {"user role", "ACCOUNT EMAIL ROLE", "give a user another role", "", 3, 3,
	NEEDS_WRITE, users_role},
    {"user remove", "ACCOUNT EMAIL", "remove a user", "", 2, 2, NEEDS_WRITE,
	users_remove},
    {"category list", "", "all categories", "", 0, 0, NEEDS_READ,
	categories_list},
    {"category add", "SLUG --title TEXT [--subscriber] [--telegram]",
	"make a category: open to Subscribers, mirrored to Telegram", "tST", 1,
	1, NEEDS_WRITE, categories_add},
    {"subscribe", "ACCOUNT CATEGORY EMAIL...",
	"all or none; needs --as an owner or user-admin of the account", "", 3,
	MANY, NEEDS_WRITE, subscriptions_subscribe},
    {"unsubscribe", "ACCOUNT CATEGORY EMAIL [--confirm EMAIL]",
	"likewise; asks at a terminal without --confirm", "C", 3, 3,
	NEEDS_WRITE, subscriptions_unsubscribe},
    {"list", "ACCOUNT [CATEGORY]", "who gets what, and why", "", 1, 2,
	NEEDS_READ, subscriptions_list},
    {"telegram connect", "ACCOUNT [--png FILE]",
	"a link and QR code that link a chat; --as the user concerned", "p", 1,
	1, NEEDS_WRITE, telegram_connect},
    {"telegram disable", "ACCOUNT", "end that link", "", 1, 1, NEEDS_WRITE,
	telegram_disable},
    {"telegram status", "ACCOUNT", "is a chat linked?", "", 1, 1, NEEDS_READ,
	telegram_status},
    {"import", "[--sync] [--dry-run] FILE",
	"CSV: account,email,role,categories (separated by ;); - reads "
	"standard input",
	"sd", 1, 1, NEEDS_WRITE, import_export_import},
    {"export", "[ACCOUNT]", "the roster as CSV", "", 0, 1, NEEDS_READ,
	import_export_export},
    {"explain", "[FILE] [--sender ADDR] [--recipient ADDR]...",
	"what the milter would do to this message; nothing is sent", "fR", 0, 1,
	NEEDS_SETTINGS, explain_message},
    {"requeue", "QUEUEID... [--again]",
	"submit a held message anew, so that it is decided anew, and drop the "
	"held one",
	"A", 1, MANY, NEEDS_SETTINGS, requeue_messages},
    {"trace", "QUEUEID [--log FILE]... [--journal FOLDER]",
	"what was decided for a message, and what became of each copy", "LJ", 1,
	1, NEEDS_SETTINGS, trace_message},
    {"log", "[ACCOUNT]", "who changed what", "", 0, 1, NEEDS_READ, record_log},
    {"stats", "", "what the milter and notify-telegram have counted", "", 0, 0,
	NEEDS_SETTINGS, stats_show},
    {"check", "", "what is wrong with the installation, and how to mend it", "",
	0, 0, NEEDS_NOTHING, check_all},
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

/* Long options; the letter is what a command's row names. */
enum {
	OPT_AS = 1000,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION,
};
static const struct option long_options[] = {
    {"as", required_argument, NULL, OPT_AS},
    {"json", no_argument, NULL, OPT_JSON},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {"owner", required_argument, NULL, 'o'},
    {"title", required_argument, NULL, 't'},
    {"role", required_argument, NULL, 'r'},
    {"subscriber", no_argument, NULL, 'S'},
    {"telegram", no_argument, NULL, 'T'},
    {"confirm", required_argument, NULL, 'C'},
    {"sync", no_argument, NULL, 's'},
    {"dry-run", no_argument, NULL, 'd'},
    {"sender", required_argument, NULL, 'f'},
    {"png", required_argument, NULL, 'p'},
    {"recipient", required_argument, NULL, 'R'},
    {"again", no_argument, NULL, 'A'},
    {"log", required_argument, NULL, 'L'},
    {"journal", required_argument, NULL, 'J'},
    {NULL, 0, NULL, 0},
};

static void fail(struct call *, enum failure_kind, const char *, ...)
    PRINTF_LIKE(3, 4) __attribute__((noreturn));
static void help(void);
static void read_options(struct call *, int, char **);
static void take_option(struct call *, int);
static void fail_unknown(struct call *, char **, size_t)
    __attribute__((noreturn));
static void find_command(struct call *, char **, size_t);
static void check_arguments(struct call *);

static void
fail(struct call *call, enum failure_kind kind, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		err(EX_OSERR, NULL);
	va_end(ap);
	output_error(call->ctl.json, ctl_exit_code(kind), text);
	exit(ctl_exit_code(kind));
}

static void
help(void)
{
	size_t i;

	printf("usage: notifyctl [-c FILE] [--as EMAIL] [--json] COMMAND\n\n");
	for (i = 0; i < NCOMMANDS; i++)
		printf("  %s%s%s\n        %s\n", commands[i].name,
		    *commands[i].arguments == '\0' ? "" : " ",
		    commands[i].arguments, commands[i].help);
	printf("\n"
	       "  -c FILE     the settings (" SETTINGS_FILE ")\n"
	       "  --as EMAIL  act as this user ($NOTIFYCTL_AS)\n"
	       "  --json      one JSON document on standard output\n"
	       "  --version   print the version\n");
}

static void
take_option(struct call *call, int letter)
{
	struct arguments *a = &call->args;

	switch (letter) {
	case 'o':
		a->owner = optarg;
		break;
	case 't':
		a->title = optarg;
		break;
	case 'r':
		a->role = optarg;
		break;
	case 'S':
		a->subscriber = true;
		break;
	case 'T':
		a->telegram = true;
		break;
	case 'C':
		a->confirm = optarg;
		break;
	case 's':
		a->sync = true;
		break;
	case 'd':
		a->dry_run = true;
		break;
	case 'f':
		a->sender = optarg;
		break;
	case 'p':
		a->png = optarg;
		break;
	case 'A':
		a->again = true;
		break;
	case 'L':
		a->logs[a->nlogs++] = optarg;
		break;
	case 'J':
		a->journal = optarg;
		break;
	case 'R':
		a->recipients[a->nrecipients++] = optarg;
		break;
	}
	if (strchr(call->given, letter) == NULL)
		call->given[call->ngiven++] = (char)letter;
}

/* Options may stand anywhere: getopt_long(3) moves them to the front. */
static void
read_options(struct call *call, int argc, char **argv)
{
	bool json = false;
	int c, i;

	call->args.recipients = calloc((size_t)argc + 1, sizeof(char *));
	call->args.logs = calloc((size_t)argc + 1, sizeof(char *));
	if (call->args.recipients == NULL || call->args.logs == NULL)
		err(EX_OSERR, NULL);
	/* So that an error in the options is said in JSON too. */
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--json") == 0)
			call->ctl.json = true;
	}
	opterr = 0;
	/* Whatever it says, they may stand behind the command. */
	unsetenv("POSIXLY_CORRECT");
	while (
	    (c = getopt_long(argc, argv, ":c:hV", long_options, NULL)) != -1) {
		switch (c) {
		case 'c':
			call->ctl.file = optarg;
			break;
		case OPT_AS:
			call->ctl.as = optarg;
			break;
		case OPT_JSON:
			json = true;
			break;
		case OPT_HELP:
		case 'h':
			help();
			exit(EX_OK);
		case OPT_VERSION:
		case 'V':
			printf("notifyctl %s\n", VERSION);
			exit(EX_OK);
		case ':':
			fail(call, FAILURE_USAGE,
			    "%s needs a value after it; see \"notifyctl "
			    "--help\"",
			    argv[optind - 1]);
		case '?':
			if (optopt > ' ' && optopt < 0x7f)
				fail(call, FAILURE_USAGE,
				    "unknown option \"-%c\"; see \"notifyctl "
				    "--help\"",
				    optopt);
			fail(call, FAILURE_USAGE,
			    "unknown option \"%s\"; see \"notifyctl --help\"",
			    argv[optind - 1]);
		default:
			take_option(call, c);
		}
	}
	/* The word may have been the value of another one. */
	call->ctl.json = json;
}

/* It may be half a command: then say the other halves. */
static void
fail_unknown(struct call *call, char **words, size_t n)
{
	char halves[128] = "";
	size_t i, len = strlen(words[0]);

	for (i = 0; i < NCOMMANDS; i++) {
		if (len > 0 && strncmp(commands[i].name, words[0], len) == 0 &&
		    commands[i].name[len] == ' ')
			snprintf(halves + strlen(halves),
			    sizeof(halves) - strlen(halves), "%s%s",
			    *halves == '\0' ? "" : ", ",
			    commands[i].name + len + 1);
	}
	fail(call, FAILURE_USAGE, "unknown command \"%s%s%s\"; expected %s%s%s",
	    words[0], n > 1 ? " " : "", n > 1 ? words[1] : "",
	    *halves == '\0' ? "one of those in \"notifyctl --help\"" : words[0],
	    *halves == '\0' ? "" : " and one of ", halves);
}

/* The command is one word or two. */
static void
find_command(struct call *call, char **words, size_t n)
{
	const struct ctl_command *c;
	size_t i, len;

	if (n == 0)
		fail(call, FAILURE_USAGE,
		    "no command; expected one of those in \"notifyctl --help\"");
	for (i = 0; i < NCOMMANDS; i++) {
		c = &commands[i];
		len = strcspn(c->name, " ");
		if (strlen(words[0]) != len ||
		    strncmp(words[0], c->name, len) != 0)
			continue;
		if (c->name[len] == '\0') {
			call->command = c;
			call->args.v = words + 1;
			call->args.n = n - 1;
			return;
		}
		if (n > 1 && strcmp(words[1], c->name + len + 1) == 0) {
			call->command = c;
			call->args.v = words + 2;
			call->args.n = n - 2;
			return;
		}
	}
	fail_unknown(call, words, n);
}

static void
check_arguments(struct call *call)
{
	const struct ctl_command *c = call->command;
	const struct option *o;
	size_t i;

	for (i = 0; i < call->ngiven; i++) {
		if (strchr(c->options, call->given[i]) != NULL)
			continue;
		for (o = long_options; o->val != call->given[i]; o++)
			;
		fail(call, FAILURE_USAGE,
		    "\"%s\" takes no --%s; expected: notifyctl %s%s%s", c->name,
		    o->name, c->name, *c->arguments == '\0' ? "" : " ",
		    c->arguments);
	}
	if (call->args.n < c->min || call->args.n > c->max)
		fail(call, FAILURE_USAGE,
		    "too %s arguments; expected: notifyctl %s%s%s",
		    call->args.n < c->min ? "few" : "many", c->name,
		    *c->arguments == '\0' ? "" : " ", c->arguments);
}

void
cmdline_read(struct call *call, int argc, char **argv)
{
	read_options(call, argc, argv);
	find_command(call, argv + optind, (size_t)(argc - optind));
	check_arguments(call);
}

void
cmdline_free(struct call *call)
{
	free(call->args.recipients);
	free(call->args.logs);
}
