/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_milter - libmilter's callbacks, in any order that libmilter may use
 *
 * The input is a session, one step per line, named by its first letter:
 *
 * - S aknrtmux: settings: expand always or never, unknown recipients kept, bad
 *   tags rejected or deferred, monitor, trust authenticated clients, at most
 * one recipient removed
 * - O, O-: a new connection, by an MTA that offers everything, or less
 * - N: the connection is one of non_smtpd_milters
 * - I ADDRESS: the client's address
 * - U: the client is authenticated, or no longer
 * - M: MAIL
 * - R TEXT: RCPT; digits before the text: how the MTA keeps it (see kept_as())
 * - H NAME:TEXT: a header
 * - E: the end of the message; A: abort; C: the end of the connection
 * - F 3: the third change to the message fails
 * - L: the database is missing for one message
 *
 * A step that libmilter would not allow at that point is skipped. mta.c plays
 * the MTA, and rules.c checks what became of each message.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "decision/message.h"
#include "fuzz/fuzz.h"
#include "fuzz/people.h"
#include "fuzz/rules.h"
#include "milter/config.h"
#include "milter/session.h"
#include "mta/mta.h"
#include "settings/settings.h"
#include "terms/address.h"
#include "terms/rfc2047.h"

#define RECIPIENTS_MAX 30
#define EVERYTHING 0x1fffffUL

enum state { CLOSED, REFUSED, OPEN, CONNECTED, MAIL, HEADERS };

struct session {
	struct smfi_str mta;
	enum state state;
	bool local; /* the client is trusted by its address */
	bool trusted;
	bool nowhere; /* the client has no address */
	bool lost;
};

static struct fixture fixture;
static struct arena *arena;
static struct config *config;
static char away[sizeof(fixture.url) + 8];

static void set(const char *);
static void close_connection(struct session *);
static void give_up(struct session *);
static void open_connection(struct session *, const char *);
static void connect_from(struct session *, char *);
static void mail(struct session *);
static void kept_as(char, const char *, char *);
static void recipient(struct session *, char *);
static void header(struct session *, char *);
static void end(struct session *);
static void step(struct session *, char *);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct failure failure = FAILURE_INIT;
	char path[128];
	FILE *out;

	(void)argc;
	(void)argv;
	people_make(&fixture);
	store_close(fixture.store);
	snprintf(away, sizeof(away), "%s.away", fixture.url);
	snprintf(path, sizeof(path), "%s/settings", fixture.folder);
	out = fopen(path, "w");
	MUST(out != NULL, "%s", path);
	fprintf(out,
	    "[database]\nurl = %s\n[milter]\naccount_domain = %s\n"
	    "stats_file =\n[telegram]\ndomain = %s\n",
	    fixture.url, PEOPLE_ACCOUNT_DOMAIN, PEOPLE_TELEGRAM_DOMAIN);
	fclose(out);
	rfc2047_start();
	MUST(config_load(path, &failure) == 0, "%s", failure_text(&failure));
	config = config_get();
	arena = arena_new((size_t)64 << 20);
	MUST(session_register(false) == 0, "not registered");
	return (0);
}

/* Change settings, as a reload between two messages would. */
static void
set(const char *letters)
{
	struct settings *s = config->settings;

	s->expand = strchr(letters, 'a') ? EXPAND_ALWAYS
	    : strchr(letters, 'n')	 ? EXPAND_NEVER
	    : strchr(letters, 'o')	 ? EXPAND_OWNER
					 : EXPAND_ADDRESSED;
	s->unknown_recipients =
	    strchr(letters, 'k') ? UNKNOWN_KEEP : UNKNOWN_DROP;
	s->bad_tag = strchr(letters, 'r') ? BAD_TAG_REJECT
	    : strchr(letters, 't')	  ? BAD_TAG_TEMPFAIL
					  : BAD_TAG_HOLD;
	s->max_removed = strchr(letters, 'x') ? 1 : 2000;
	s->monitor = strchr(letters, 'm') != NULL;
	s->trust_authenticated = strchr(letters, 'u') != NULL;
}

/* The message is aborted. */
static void
give_up(struct session *s)
{
	if (s->state < MAIL)
		return;
	MUST(mta_milter.xxfi_abort(&s->mta) == SMFIS_CONTINUE, "abort");
	mta_forget(&s->mta);
	s->state = CONNECTED;
}

static void
close_connection(struct session *s)
{
	if (s->state == CLOSED)
		return;
	MUST(mta_milter.xxfi_close(&s->mta) == SMFIS_CONTINUE, "close");
	MUST(s->mta.private == NULL, "something is left");
	mta_forget(&s->mta);
	s->state = CLOSED;
}

static void
open_connection(struct session *s, const char *how)
{
	unsigned long offered = *how == '-' ? SMFIF_ADDRCPT : EVERYTHING;
	unsigned long actions = 0, steps = 0, unused1 = 1, unused2 = 1;
	sfsistat status;

	close_connection(s);
	mta_open(&s->mta);
	status = mta_milter.xxfi_negotiate(&s->mta, offered, EVERYTHING, 0, 0,
	    &actions, &steps, &unused1, &unused2);
	MUST(status ==
		(offered == EVERYTHING && !s->mta.troubled ? SMFIS_CONTINUE
							   : SMFIS_REJECT),
	    "%d", status);
	MUST((actions & ~offered) == 0 && (steps & ~EVERYTHING) == 0 &&
		(status == SMFIS_REJECT || unused1 + unused2 == 0),
	    "takes what is not offered");
	s->state = status == SMFIS_CONTINUE ? OPEN : REFUSED;
}

static void
connect_from(struct session *s, char *text)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	struct sockaddr_un un = {.sun_family = AF_UNIX};
	_SOCK_ADDR *sa = NULL;
	const unsigned char *a = v6.sin6_addr.s6_addr;

	if (s->state != OPEN)
		return;
	s->local = false;
	if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
		sa = (_SOCK_ADDR *)&v4;
		s->local = ntohl(v4.sin_addr.s_addr) >> 24 == 127;
	} else if (inet_pton(AF_INET6, text, &v6.sin6_addr) == 1) {
		sa = (_SOCK_ADDR *)&v6;
		s->local = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) ||
		    (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) && a[12] == 127);
	} else if (*text == '/') {
		sa = (_SOCK_ADDR *)&un;
	}
	s->nowhere = sa == NULL || sa == (_SOCK_ADDR *)&un;
	MUST(mta_milter.xxfi_connect(&s->mta, text, sa) == SMFIS_NOREPLY,
	    "connect");
	s->state = CONNECTED;
}

static void
mail(struct session *s)
{
	static char *argv[] = {"<from@example.com>", NULL};

	give_up(s);
	if (s->state != CONNECTED)
		return;
	MUST(mta_milter.xxfi_envfrom(&s->mta, argv) == SMFIS_NOREPLY, "mail");
	s->trusted = s->local ||
	    (s->mta.authenticated && config->settings->trust_authenticated);
	s->state = MAIL;
}

/* What sendmail(1) was given, and the MTA keeps, when it shows ${text}. */
static void
kept_as(char how, const char *text, char *kept)
{
	char local[MTA_TEXT], *at;

	snprintf(local, sizeof(local), "%s", kept);
	at = strrchr(local, '@');
	if (at == NULL || *text == '<' || *text == '@')
		return;
	*at = '\0';
	if (how == '1')
		snprintf(kept, MTA_TEXT, "%s", local);
	else if (how == '2')
		snprintf(kept, MTA_TEXT, "%.250s@%.250s.", local, at + 1);
	else if (how == '3')
		snprintf(kept, MTA_TEXT, "%.250s%%%.250s", local, at + 1);
	else if (how == '4')
		snprintf(kept, MTA_TEXT, "%.250s!%.250s", at + 1, local);
}

static void
recipient(struct session *s, char *text)
{
	struct mta_recipient *r;
	struct address address;
	char *argv[] = {NULL, NULL};
	char how = '\0';
	size_t len;
	bool readable;

	if (s->state != MAIL || s->mta.nrecipients == RECIPIENTS_MAX)
		return;
	if (isdigit((unsigned char)*text))
		how = *text++;
	readable = address_read(arena, text, &address) == 1;
	/* No MTA takes a route to nowhere as a recipient, or the blanks around
	 * one. */
	len = strlen(text);
	if (len == 0 || len >= MTA_TEXT / 2 || isspace((unsigned char)*text) ||
	    isspace((unsigned char)text[len - 1]) ||
	    (!readable && text[*text == '<'] == '@'))
		return;
	argv[0] = arena_strdup(arena, text);
	MUST(mta_milter.xxfi_envrcpt(&s->mta, argv) == SMFIS_NOREPLY, "rcpt");
	MUST(strcmp(argv[0], text) == 0, "%s changed", text);
	r = &s->mta.recipients[s->mta.nrecipients++];
	memset(r, 0, sizeof(*r));
	snprintf(r->shown, sizeof(r->shown), "%s", text);
	mta_kept(text, r->kept);
	if (s->mta.cleanup && readable && *address.domain != '\0')
		kept_as(how, text, r->kept);
}

static void
header(struct session *s, char *text)
{
	struct mta_header *h;
	char *value;
	size_t len;

	value = strchr(text, ':');
	if ((s->state != MAIL && s->state != HEADERS) || value == NULL ||
	    value == text || s->mta.nrecipients == 0)
		return;
	*value++ = '\0';
	if (strlen(text) >= MTA_TEXT || strlen(value) >= MTA_TEXT ||
	    s->mta.nheaders == MTA_HEADERS)
		return;
	MUST(mta_milter.xxfi_header(&s->mta, text, value) == SMFIS_NOREPLY,
	    "header");
	s->state = HEADERS;
	for (len = strlen(text); len > 0 && strchr(" \t", text[len - 1]);)
		len--;
	if (len == 10 && strncasecmp(text, MESSAGE_ID_HEADER, len) == 0 &&
	    *s->mta.id == '\0' && value[strspn(value, " \t\r\n")] != '\0')
		strcpy(s->mta.id, value);
	if (strncasecmp(text, HEADER_PREFIX, strlen(HEADER_PREFIX)) != 0)
		return;
	h = &s->mta.headers[s->mta.nheaders++];
	memset(h, 0, sizeof(*h));
	len = strlen(text);
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	snprintf(h->name, sizeof(h->name), "%.*s", (int)len, text);
	snprintf(h->value, sizeof(h->value), "%s", value);
}

static void
end(struct session *s)
{
	sfsistat status;

	if (s->state < MAIL || s->mta.nrecipients == 0)
		return;
	if (s->lost)
		MUST(rename(fixture.url, away) == 0, "%s", away);
	s->mta.at_end = true;
	status = mta_milter.xxfi_eom(&s->mta);
	s->mta.at_end = false;
	mta_apply(&s->mta);
	if (s->lost)
		MUST(rename(away, fixture.url) == 0, "%s", away);
	rules_check(&s->mta, config->settings, s->trusted, s->nowhere, s->lost,
	    status, arena);
	mta_forget(&s->mta);
	s->mta.fail_at = 0;
	s->lost = false;
	s->state = CONNECTED;
}

static void
step(struct session *s, char *line)
{
	char *rest = *line == '\0' ? line : line + 1;

	rest += *rest == ' ';
	switch (*line) {
	case 'S':
		/* MAIL has been answered already in this message. */
		if (s->state < MAIL)
			set(rest);
		break;
	case 'O':
		open_connection(s, rest);
		break;
	case 'N':
		if (s->state == OPEN)
			s->mta.cleanup = true;
		break;
	case 'I':
		connect_from(s, rest);
		break;
	case 'U':
		s->mta.authenticated = !s->mta.authenticated;
		break;
	case 'M':
		mail(s);
		break;
	case 'R':
		recipient(s, rest);
		break;
	case 'H':
		header(s, rest);
		break;
	case 'E':
		end(s);
		break;
	case 'A':
		give_up(s);
		break;
	case 'C':
		close_connection(s);
		break;
	case 'F':
		s->mta.fail_at = atoi(rest);
		break;
	case 'L':
		s->lost = true;
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct session s;
	char *text, *rest, *line;

	arena_reset(arena);
	set("");
	s.state = CLOSED;
	s.local = s.trusted = s.nowhere = s.lost = false;
	rest = text = fuzz_string(data, size);
	while ((line = fuzz_line(&rest)) != NULL) {
		/* A folded header. */
		while (*line == 'H' && (*rest == ' ' || *rest == '\t')) {
			rest[-1] = '\n';
			(void)fuzz_line(&rest);
		}
		step(&s, line);
	}
	close_connection(&s);
	free(text);
	return (0);
}
