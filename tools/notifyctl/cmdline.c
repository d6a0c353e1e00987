/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cmdline - the command line of notifyctl: a command, its arguments and options
 *
 * Options may stand anywhere, so the line is read twice: once for the words of
 * the command, then with the command's own options. Those of all other commands
 * are known too, so that one at a wrong place is named; an option that takes a
 * value with one command and none with another must stand behind the command.
 */
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "lib/daemon.h"
#include "notifyctl/cmdline.h"
#include "notifyctl/output.h"
#include "roster/permission.h"
#include "settings/settings.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

#define OPTIONS_MAX 64
#define HELP_MAX (1 << 16)

static const struct ctl_command *const families[] = {init_commands,
    accounts_commands, users_commands, people_commands, categories_commands,
    subscriptions_commands, telegram_commands, import_export_commands,
    explain_commands, held_commands, requeue_commands, trace_commands,
    record_commands, notices_commands, stats_commands, check_commands, NULL};

/* Options of no command. The rest of the table are those of commands, each with
 * OPT_COMMAND plus its index as value. */
enum {
	OPT_AS = 1000,
	OPT_JSON,
	OPT_NO_TELL,
	OPT_HELP,
	OPT_VERSION,
	OPT_COMMAND,
};
static const struct option globals[] = {
    {"as", required_argument, NULL, OPT_AS},
    {"json", no_argument, NULL, OPT_JSON},
    {"no-tell", no_argument, NULL, OPT_NO_TELL},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
};

/* What getopt_long(3) reads by. */
struct table {
	struct option rows[OPTIONS_MAX + 1];
	const struct ctl_option *options[OPTIONS_MAX];
	size_t n;
};

#define FOREACH_COMMAND(f, c)                                                  \
	for (f = families; *f != NULL; f++)                                    \
		for (c = *f; c->name != NULL; c++)

static void fail(const struct ctl *, const char *, ...) PRINTF_LIKE(2, 3)
    __attribute__((noreturn));
static void printed(const struct ctl *) __attribute__((noreturn));
static char *usage(const struct ctl_command *);
static void help(void);
static void help_roles(void);
static void add_options(struct table *, const struct ctl_command *);
static void make_table(struct table *, const struct ctl_command *);
static size_t matches(const struct ctl_command *, char **, size_t);
static const struct ctl_command *find_command(int, char **);
static void fail_unknown(const struct ctl *, char **, size_t)
    __attribute__((noreturn));
static const char *once(const struct ctl *, const char *, bool *, const char *);
static const char *wrong_word(char **);
static void read_options(
    struct ctl *, struct arguments *, const struct ctl_command *, int, char **);
static bool contradicted(const struct ctl_given *);
static void check_arguments(
    const struct ctl *, const struct arguments *, const struct ctl_command *);

static void
fail(const struct ctl *ctl, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		err(EX_OSERR, NULL);
	va_end(ap);
	output_error(ctl->json, EX_USAGE, text);
	exit(EX_USAGE);
}

/* All is printed. Whoever closes the pipe has read enough. */
static void
printed(const struct ctl *ctl)
{
	char *text;

	if (daemon_printed() == 0)
		exit(EX_OK);
	if (asprintf(&text, "standard output: %s", output_reason(errno)) < 0)
		err(EX_OSERR, NULL);
	output_error(ctl->json, EX_IOERR, text);
	exit(EX_IOERR);
}

/* The usage of a command: name, arguments and options; to be freed. */
static char *
usage(const struct ctl_command *c)
{
	const struct ctl_option *o;
	FILE *out;
	char *text = NULL;
	size_t len;

	out = open_memstream(&text, &len);
	if (out == NULL)
		err(EX_OSERR, NULL);
	fputs(c->name, out);
	if (*c->arguments != '\0' && !c->options_first)
		fprintf(out, " %s", c->arguments);
	for (o = c->options; o != NULL && o->name != NULL; o++)
		fprintf(out, " %s--%s%s%s%s%s", o->required ? "" : "[", o->name,
		    o->value == NULL ? "" : " ",
		    o->value == NULL ? "" : o->value, o->required ? "" : "]",
		    o->repeated ? "..." : "");
	if (*c->arguments != '\0' && c->options_first)
		fprintf(out, " %s", c->arguments);
	if (fclose(out) != 0)
		err(EX_OSERR, NULL);
	return (text);
}

static void
help(void)
{
	const struct ctl_command *const *f, *c;
	char *text;

	printf("usage: notifyctl [-c FILE] [--as EMAIL] [--json] [--no-tell] "
	       "COMMAND\n\n");
	FOREACH_COMMAND(f, c)
	{
		text = usage(c);
		printf("  %s\n        %s\n", text, c->help);
		free(text);
	}
	printf("\n"
	       "  -c FILE     the settings (" SETTINGS_FILE ")\n"
	       "  --as EMAIL  act as this user ($NOTIFYCTL_AS), as \"--help "
	       "roles\" says\n"
	       "  --json      one JSON document on standard output\n"
	       "  --no-tell   mail nobody about the change; without --as\n"
	       "  --version   print the version\n");
}

/* The columns are the roles. */
static void
help_roles(void)
{
	const struct permission *p;
	size_t n, i, k;

	printf(
	    "usage: notifyctl --as EMAIL COMMAND\n\n"
	    "Without --as, and without $NOTIFYCTL_AS, the operator acts, who may "
	    "use every\ncommand; subscribe, unsubscribe and telegram need --as. "
	    "With it, the person's\nrole in the command's account decides:\n\n"
	    "  %-18s",
	    "");
	for (k = 0; k < PERMISSION_ROLES; k++)
		printf(" %s%-*s", k == 0 ? "" : " ",
		    k == PERMISSION_ROLES - 1 ? 0 : 10,
		    role_name((enum role)k));
	p = permission_rows(&n);
	for (i = 0; i < n; i++) {
		printf("\n  %-18s", p[i].command);
		for (k = 0; k < PERMISSION_ROLES; k++)
			printf(" %s%-*s", k == 0 ? "" : " ",
			    k == PERMISSION_ROLES - 1 ? 0 : 10,
			    permission_word(p[i].extent[k]));
	}
	printf(
	    "\n\n"
	    "  yes         may use it for every user of the account\n"
	    "  not-owner   for every user but the owner\n"
	    "  own         sees, or changes, what is the person's own\n"
	    "  -           may not use it (77)\n"
	    "\n"
	    "Where every role has \"-\", the command is the operator's. So is "
	    "\"log\" without an\naccount. Who is no user of an account may "
	    "do nothing there.\n");
}

/* Those of ${c} whose names the table does not have yet. */
static void
add_options(struct table *t, const struct ctl_command *c)
{
	const struct ctl_option *o;
	size_t i;

	for (o = c->options; o != NULL && o->name != NULL; o++) {
		for (i = 0; i < t->n; i++) {
			if (strcmp(t->rows[i].name, o->name) == 0)
				break;
		}
		if (i < t->n)
			continue;
		if (t->n == OPTIONS_MAX)
			errx(EX_SOFTWARE, "more than %d options", OPTIONS_MAX);
		t->options[t->n] = o;
		t->rows[t->n] = (struct option){o->name,
		    o->value == NULL ? no_argument : required_argument, NULL,
		    OPT_COMMAND + (int)t->n};
		t->n++;
	}
}

/* Every option, and the meaning that ${command} (or NULL) gives it. */
static void
make_table(struct table *t, const struct ctl_command *command)
{
	const struct ctl_command *const *f, *c;

	memset(t, 0, sizeof(*t));
	memcpy(t->rows, globals, sizeof(globals));
	t->n = sizeof(globals) / sizeof(globals[0]);
	if (command != NULL)
		add_options(t, command);
	FOREACH_COMMAND(f, c)
	add_options(t, c);
}

/* How many of the words are the name of ${c}; 0: another's. */
static size_t
matches(const struct ctl_command *c, char **words, size_t n)
{
	size_t len = strcspn(c->name, " ");

	if (n == 0 || strlen(words[0]) != len ||
	    strncmp(words[0], c->name, len) != 0)
		return (0);
	if (c->name[len] == '\0')
		return (1);
	return (n > 1 && strcmp(words[1], c->name + len + 1) == 0 ? 2 : 0);
}

/* Changes nothing in ${argv}. NULL if there is no such command. */
static const struct ctl_command *
find_command(int argc, char **argv)
{
	const struct ctl_command *const *f, *command;
	struct table t;
	char *words[2];
	size_t n = 0;
	int c;

	make_table(&t, NULL);
	while (n < 2 &&
	    (c = getopt_long(argc, argv, "-:c:hV", t.rows, NULL)) != -1) {
		if (c == 1)
			words[n++] = optarg;
	}
	for (; n < 2 && optind < argc; optind++)
		words[n++] = argv[optind];
	FOREACH_COMMAND(f, command)
	{
		if (matches(command, words, n) > 0)
			return (command);
	}
	return (NULL);
}

/* If the first word begins commands of two words, name their second words. */
static void
fail_unknown(const struct ctl *ctl, char **words, size_t n)
{
	const struct ctl_command *const *f, *c;
	char halves[128] = "";
	size_t len;

	if (n == 0)
		fail(ctl,
		    "no command; expected one of those in \"notifyctl --help\"");
	len = strlen(words[0]);
	FOREACH_COMMAND(f, c)
	{
		if (len > 0 && strncmp(c->name, words[0], len) == 0 &&
		    c->name[len] == ' ')
			snprintf(halves + strlen(halves),
			    sizeof(halves) - strlen(halves), "%s%s",
			    *halves == '\0' ? "" : ", ", c->name + len + 1);
	}
	fail(ctl, "unknown command \"%s%s%s\"; expected %s%s%s", words[0],
	    n > 1 ? " " : "", n > 1 ? words[1] : "",
	    *halves == '\0' ? "one of those in \"notifyctl --help\"" : words[0],
	    *halves == '\0' ? "" : " and one of ", halves);
}

/* The value of an option that must be given once, and not empty: a caller that
 * puts its own before other words must know that it counts. */
static const char *
once(const struct ctl *ctl, const char *option, bool *given, const char *value)
{
	if (*given)
		fail(ctl, "%s is given twice; expected it once", option);
	if (*value == '\0')
		fail(ctl, "%s is empty; expected %s after it", option,
		    strcmp(option, "-c") == 0
			? "the name of a file"
			: "the address of the person who acts");
	*given = true;
	return (value);
}

/* The word with the option that is unknown: getopt_long(3) goes on to the next
 * one after the last octet of a word. */
static const char *
wrong_word(char **argv)
{
	const char *next = argv[optind];

	return (optopt != 0 && next != NULL && *next == '-' &&
		    strchr(next, optopt) != NULL
		? next
		: argv[optind - 1]);
}

/* getopt_long(3) moves all options to the front of ${argv}. */
static void
read_options(struct ctl *ctl, struct arguments *args,
    const struct ctl_command *command, int argc, char **argv)
{
	struct table t;
	bool json = false, as = false, settings = false;
	size_t n = 0;
	int c;

	make_table(&t, command);
	args->given = calloc((size_t)argc + 1, sizeof(*args->given));
	if (args->given == NULL)
		err(EX_OSERR, NULL);
	optind = 0;
	while ((c = getopt_long(argc, argv, ":c:hV", t.rows, NULL)) != -1) {
		switch (c) {
		case 'c':
			ctl->file = once(ctl, "-c", &settings, optarg);
			break;
		case OPT_AS:
			ctl->as = once(ctl, "--as", &as, optarg);
			break;
		case OPT_JSON:
			json = true;
			break;
		case OPT_NO_TELL:
			ctl->no_tell = true;
			break;
		case OPT_HELP:
		case 'h':
			output_begin();
			/* Written at once, so that an error is seen. */
			(void)setvbuf(stdout, NULL, _IOFBF, HELP_MAX);
			if (optind < argc && strcmp(argv[optind], "roles") == 0)
				help_roles();
			else
				help();
			printed(ctl);
		case OPT_VERSION:
		case 'V':
			output_begin();
			printf("notifyctl %s\n", VERSION);
			printed(ctl);
		case ':':
			fail(ctl,
			    "%s needs a value after it; see \"notifyctl "
			    "--help\"",
			    argv[optind - 1]);
		case '?':
			if (optopt >= OPT_AS)
				fail(ctl,
				    "%s: the option takes no value; see "
				    "\"notifyctl --help\"",
				    argv[optind - 1]);
			if (optopt > ' ' && optopt < 0x7f)
				fail(ctl,
				    "unknown option \"-%c\"; see \"notifyctl "
				    "--help\"",
				    optopt);
			fail(ctl,
			    "unknown option \"%s\"; see \"notifyctl --help\"",
			    wrong_word(argv));
		default:
			args->given[n].option = t.options[c - OPT_COMMAND];
			args->given[n++].value = optarg;
		}
	}
	/* "--json" may have been the value of another option. */
	ctl->json = json;
}

/* Is the option given again, so that one of the two values would not count? */
static bool
contradicted(const struct ctl_given *given)
{
	const struct ctl_given *other;

	if (given->option->value == NULL || given->option->repeated)
		return (false);
	for (other = given + 1; other->option != NULL; other++) {
		if (other->option == given->option)
			return (true);
	}
	return (false);
}

static void
check_arguments(const struct ctl *ctl, const struct arguments *args,
    const struct ctl_command *c)
{
	const struct ctl_given *given;
	const struct ctl_option *o;

	for (given = args->given; given->option != NULL; given++) {
		for (o = c->options; o != NULL && o->name != NULL; o++) {
			if (o == given->option)
				break;
		}
		if (o == NULL || o->name == NULL)
			fail(ctl,
			    "\"%s\" takes no --%s; expected: notifyctl %s",
			    c->name, given->option->name, usage(c));
		if (contradicted(given))
			fail(ctl, "--%s is given twice; expected: notifyctl %s",
			    given->option->name, usage(c));
	}
	if (args->n < c->min || args->n > c->max)
		fail(ctl, "too %s arguments; expected: notifyctl %s",
		    args->n < c->min ? "few" : "many", usage(c));
	for (o = c->options; o != NULL && o->name != NULL; o++) {
		if (o->required != NULL && !ctl_flag(args, o->name))
			fail(ctl, "%s; expected: notifyctl %s", o->required,
			    usage(c));
	}
}

const struct ctl_command *
cmdline_read(struct ctl *ctl, struct arguments *args, int argc, char **argv)
{
	const struct ctl_command *command;
	size_t taken, n;
	int i;

	/* For errors before --json is read as an option. */
	for (i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--json") == 0)
			ctl->json = true;
	}
	opterr = 0;
	/* Options may follow the command even if it is set. */
	unsetenv("POSIXLY_CORRECT");
	command = find_command(argc, argv);
	read_options(ctl, args, command, argc, argv);
	n = (size_t)(argc - optind);
	taken = command == NULL ? 0 : matches(command, argv + optind, n);
	if (taken == 0)
		fail_unknown(ctl, argv + optind, n);
	args->v = argv + optind + taken;
	args->n = n - taken;
	check_arguments(ctl, args, command);
	return (command);
}

void
cmdline_free(struct arguments *args)
{
	free(args->given);
}
