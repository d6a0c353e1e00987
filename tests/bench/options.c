/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * options - the command line of loadgen
 */
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "bench/options.h"

#define CONNECTIONS_MAX 10000

static const char usage_text[] =
    "usage: loadgen -s SOCKET [-n MESSAGES] [-t SECONDS] [options]\n"
    "\n"
    "  -s SOCKET    unix:PATH or inet:PORT@HOST, where the milter listens; or\n"
    "               smtp:inet:PORT@HOST, to be a client there\n"
    "  -n MESSAGES  end after MESSAGES messages (without -t: 1000)\n"
    "  -t SECONDS   end after SECONDS seconds, such as 0.5\n"
    "  -c N         connections, or SMTP sessions, at a time (8)\n"
    "  -k N         a new connection after every N messages (0: never)\n"
    "  -a N         abort every Nth message before its end (0: none)\n"
    "  -f ADDRESS   the sender\n"
    "  -r ADDRESS   a recipient; may be given many times\n"
    "  -H HEADER    a header, as \"Name: value\"; may be given many times\n"
    "  -v N         \"%\" in recipients and headers stands for 0 to N-1,\n"
    "               another one in each message\n"
    "  -x SEED      a random one, from SEED\n"
    "  -i           a connection that has sent its -k messages stays open, idle,\n"
    "               and the next is opened. Ends on a signal\n"
    "  -o FILE      write a line per message: its number, what \"%\" stood for,\n"
    "               the answer, +ADDRESS and -ADDRESS for each change\n"
    "\n"
    "Prints one line of JSON: messages, seconds, per_second, answers, changes,\n"
    "connections opened and lost, latency_ms. The exit status is 1 if a\n"
    "connection was lost.\n";

static unsigned long
number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 ||
	    value > max)
		errx(EX_USAGE, "%s: expected a number up to %lu", text, max);
	return (value);
}

static double
duration(const char *text)
{
	char *end;
	double value;

	value = strtod(text, &end);
	if (end == text || *end != '\0' || !(value > 0 && value < 1e6))
		errx(EX_USAGE, "%s: expected a time in seconds", text);
	return (value);
}

static void
add(struct texts *texts, const char *text)
{
	if (texts->n == TEXTS_MAX)
		errx(EX_USAGE, "more than %d of one kind", TEXTS_MAX);
	texts->list[texts->n++] = text;
}

void
options_read(struct options *o, int argc, char **argv)
{
	int option;

	memset(o, 0, sizeof(*o));
	o->sender = "<sender@example.org>";
	o->connections = 8;
	o->variants = 1;
	while (
	    (option = getopt(argc, argv, "s:n:t:c:k:a:f:r:H:v:x:io:")) != -1) {
		switch (option) {
		case 's':
			o->socket = optarg;
			break;
		case 'n':
			o->messages = number(optarg, 1000000000);
			break;
		case 't':
			o->seconds = duration(optarg);
			break;
		case 'c':
			o->connections = number(optarg, CONNECTIONS_MAX);
			break;
		case 'k':
			o->keep = number(optarg, 1000000000);
			break;
		case 'a':
			o->abort = number(optarg, 1000000000);
			break;
		case 'f':
			o->sender = optarg;
			break;
		case 'r':
			add(&o->recipients, optarg);
			break;
		case 'H':
			if (strchr(optarg, ':') == NULL)
				errx(EX_USAGE, "%s: expected \"Name: value\"",
				    optarg);
			add(&o->headers, optarg);
			break;
		case 'v':
			o->variants = number(optarg, 1000000000);
			break;
		case 'x':
			o->seed = number(optarg, ULONG_MAX);
			o->by_chance = true;
			break;
		case 'i':
			o->stay = true;
			break;
		case 'o':
			o->record = fopen(optarg, "we");
			if (o->record == NULL)
				err(EX_CANTCREAT, "%s", optarg);
			break;
		default:
			fputs(usage_text, stderr);
			exit(EX_USAGE);
		}
	}
	if (o->socket == NULL || optind != argc || o->connections == 0 ||
	    o->variants == 0 || (o->stay && o->keep == 0)) {
		fputs(usage_text, stderr);
		exit(EX_USAGE);
	}
	if (o->messages == 0 && o->seconds <= 0 && !o->stay)
		o->messages = 1000;
	if (o->recipients.n == 0)
		add(&o->recipients, "user@example.net");
}
