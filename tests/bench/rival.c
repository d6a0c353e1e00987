/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rival - a milter that decides nothing, to compare notify-milter with
 *
 * Without edits it shows the cost of a milter that does nothing; with as many
 * constant edits as notify-milter makes it is the limit of libmilter: no milter
 * that does this work can be faster.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <libmilter/mfapi.h>

#define EDITS_MAX 1000000
#define ADDRESS_SIZE 64
#define BACKLOG 512 /* as notify-milter */

/* Steps that the MTA should skip. */
enum away { NOTHING, UNNEEDED, EVERYTHING, NAWAYS };

/* The recipients to delete, as they were given: up to ${ndeletes}. */
struct connection {
	size_t n;
	char *given[];
};

static const char *const away_names[NAWAYS] = {
    [NOTHING] = "nothing",
    [UNNEEDED] = "unneeded",
    [EVERYTHING] = "everything",
};

/* The steps that notify-milter skips, and all steps. */
static const unsigned long away_steps[NAWAYS] = {
    [UNNEEDED] = SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOEOH | SMFIP_NOBODY |
	SMFIP_NOUNKNOWN | SMFIP_NR_CONN | SMFIP_NR_MAIL | SMFIP_NR_RCPT |
	SMFIP_NR_HDR,
    [EVERYTHING] = SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL |
	SMFIP_NORCPT | SMFIP_NODATA | SMFIP_NOHDRS | SMFIP_NOEOH |
	SMFIP_NOBODY | SMFIP_NOUNKNOWN,
};

static enum away away = UNNEEDED;
static size_t nadds, ndeletes;
static bool logging, marking;
static char (*adds)[ADDRESS_SIZE];
static char constant[] = "<a@accounts.example>";
/* As long as that of notify-milter. */
static char mark_name[] = "X-Notify-Decided";
static char mark[] = "0123456789abcdef0123456789abcdef";

static const char usage_text[] =
    "usage: rival -s SOCKET [options]\n"
    "\n"
    "  -s SOCKET  where to listen, as libmilter writes it\n"
    "  -n WHICH   the steps that are negotiated away: nothing, unneeded (those\n"
    "             that notify-milter does without), or everything\n"
    "  -a N       add N recipients to each message\n"
    "  -d N       delete the first N of its recipients\n"
    "  -m         add a header to each message\n"
    "  -l         one line to syslog for each message\n";

/* The answer of a callback: none if the MTA does not wait for one. */
static sfsistat
no_reply(void)
{
	return (away == NOTHING ? SMFIS_CONTINUE : SMFIS_NOREPLY);
}

static void
forget(struct connection *c)
{
	while (c->n > 0)
		free(c->given[--c->n]);
}

static sfsistat
on_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long steps,
    unsigned long unused1, unsigned long unused2, unsigned long *want_actions,
    unsigned long *want_steps, unsigned long *want1, unsigned long *want2)
{
	(void)ctx;
	(void)unused1;
	(void)unused2;
	*want_actions =
	    actions & (SMFIF_ADDRCPT | SMFIF_DELRCPT | SMFIF_ADDHDRS);
	*want_steps = steps & away_steps[away];
	*want1 = *want2 = 0;
	return (SMFIS_CONTINUE);
}

static sfsistat
on_connect(SMFICTX *ctx, char *name, _SOCK_ADDR *sa)
{
	(void)name;
	(void)sa;
	(void)smfi_setpriv(ctx,
	    calloc(1, sizeof(struct connection) + ndeletes * sizeof(char *)));
	return (no_reply());
}

static sfsistat
on_helo(SMFICTX *ctx, char *name)
{
	(void)ctx;
	(void)name;
	return (SMFIS_CONTINUE);
}

static sfsistat
on_mail(SMFICTX *ctx, char **argv)
{
	(void)ctx;
	(void)argv;
	return (no_reply());
}

static sfsistat
on_rcpt(SMFICTX *ctx, char **argv)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c != NULL && c->n < ndeletes)
		c->given[c->n++] = strdup(argv[0]);
	return (no_reply());
}

static sfsistat
on_data(SMFICTX *ctx)
{
	(void)ctx;
	return (SMFIS_CONTINUE);
}

static sfsistat
on_unknown(SMFICTX *ctx, const char *command)
{
	(void)ctx;
	(void)command;
	return (SMFIS_CONTINUE);
}

static sfsistat
on_header(SMFICTX *ctx, char *name, char *value)
{
	(void)ctx;
	(void)name;
	(void)value;
	return (no_reply());
}

static sfsistat
on_body(SMFICTX *ctx, unsigned char *data, size_t len)
{
	(void)ctx;
	(void)data;
	(void)len;
	return (SMFIS_CONTINUE);
}

static sfsistat
on_end(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);
	char *given;
	size_t i;
	int rc = MI_SUCCESS;

	for (i = 0; i < ndeletes && rc == MI_SUCCESS; i++) {
		given = c != NULL && i < c->n ? c->given[i] : constant;
		rc = given == NULL ? MI_FAILURE : smfi_delrcpt(ctx, given);
	}
	for (i = 0; i < nadds && rc == MI_SUCCESS; i++)
		rc = smfi_addrcpt(ctx, adds[i]);
	if (marking && rc == MI_SUCCESS)
		rc = smfi_addheader(ctx, mark_name, mark);
	if (c != NULL)
		forget(c);
	if (logging)
		syslog(LOG_INFO,
		    "%s: category=services account=a kept=0 added=%zu "
		    "dropped=%zu mirrored=0 verdict=deliver",
		    smfi_getsymval(ctx, "i"), nadds, ndeletes);
	return (rc == MI_SUCCESS ? SMFIS_CONTINUE : SMFIS_TEMPFAIL);
}

static sfsistat
on_abort(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c != NULL)
		forget(c);
	return (SMFIS_CONTINUE);
}

static sfsistat
on_close(SMFICTX *ctx)
{
	struct connection *c = smfi_getpriv(ctx);

	if (c != NULL)
		forget(c);
	free(c);
	(void)smfi_setpriv(ctx, NULL);
	return (SMFIS_CONTINUE);
}

/* libmilter itself negotiates away steps without a callback. */
static int
serve(char *where)
{
	struct smfiDesc desc = {
	    .xxfi_name = "rival",
	    .xxfi_version = SMFI_VERSION,
	    .xxfi_flags = SMFIF_ADDRCPT | SMFIF_DELRCPT | SMFIF_ADDHDRS,
	    .xxfi_eom = on_end,
	    .xxfi_abort = on_abort,
	    .xxfi_close = on_close,
	};

	if (away != NOTHING)
		desc.xxfi_negotiate = on_negotiate;
	if (away != EVERYTHING) {
		desc.xxfi_connect = on_connect;
		desc.xxfi_envfrom = on_mail;
		desc.xxfi_envrcpt = on_rcpt;
		desc.xxfi_header = on_header;
	}
	if (away == NOTHING) {
		desc.xxfi_helo = on_helo;
		desc.xxfi_data = on_data;
		desc.xxfi_unknown = on_unknown;
		desc.xxfi_eoh = on_data;
		desc.xxfi_body = on_body;
	}
	umask(0);
	if (smfi_register(desc) != MI_SUCCESS ||
	    smfi_setconn(where) != MI_SUCCESS ||
	    smfi_setbacklog(BACKLOG) != MI_SUCCESS ||
	    smfi_opensocket(1) != MI_SUCCESS)
		return (EX_OSERR);
	return (smfi_main() == MI_SUCCESS ? EX_OK : EX_SOFTWARE);
}

static void __attribute__((noreturn)) usage(void)
{
	fputs(usage_text, stderr);
	exit(EX_USAGE);
}

static size_t
number(const char *text, unsigned long max)
{
	char *end;
	unsigned long value;

	value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || value > max)
		usage();
	return (value);
}

static enum away
read_away(const char *text)
{
	size_t i;

	for (i = 0; i < NAWAYS; i++) {
		if (strcmp(text, away_names[i]) == 0)
			return ((enum away)i);
	}
	usage();
}

int
main(int argc, char **argv)
{
	char *where = NULL;
	size_t i;
	int option;

	while ((option = getopt(argc, argv, "s:n:a:d:lm")) != -1) {
		switch (option) {
		case 's':
			where = optarg;
			break;
		case 'n':
			away = read_away(optarg);
			break;
		case 'a':
			nadds = number(optarg, EDITS_MAX);
			break;
		case 'd':
			ndeletes = number(optarg, EDITS_MAX);
			break;
		case 'l':
			logging = true;
			break;
		case 'm':
			marking = true;
			break;
		default:
			usage();
		}
	}
	if (where == NULL || optind != argc)
		usage();
	adds = calloc(nadds + 1, sizeof(*adds));
	if (adds == NULL)
		return (EX_OSERR);
	for (i = 0; i < nadds; i++)
		snprintf(adds[i], ADDRESS_SIZE, "<user%zu@a000000.example>", i);
	openlog("rival", LOG_PID, LOG_MAIL);
	return (serve(where));
}
