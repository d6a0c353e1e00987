/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mta - a stand-in for libmilter, and for the MTA behind it
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/escape.h"
#include "lib/log.h"
#include "mta/mta.h"
#include "mta/must.h"

struct smfiDesc mta_milter;
void (*mta_logged)(const char *);

static struct mta_call *change(SMFICTX *, enum mta_change, const char *);
static int add(SMFICTX *, const char *, bool);
static void add_recipient(struct smfi_str *, const struct mta_call *);
static void delete_recipient(struct smfi_str *, const char *);
static void remove_header(struct smfi_str *, const char *, int);
static void add_header(struct smfi_str *, const struct mta_call *);
static void say(const char *, va_list) PRINTF_LIKE(1, 0);

void
mta_open(struct smfi_str *m)
{
	m->private = NULL;
	m->authenticated = m->cleanup = m->at_end = false;
	m->fail_at = 0;
	mta_forget(m);
}

void
mta_forget(struct smfi_str *m)
{
	m->nrecipients = m->nheaders = m->ncalls = 0;
	m->held = 0;
	m->failed = m->troubled = false;
	m->reply[0] = m->id[0] = '\0';
}

/* The functions of libmilter that the milter calls. */

int
smfi_register(struct smfiDesc desc)
{
	mta_milter = desc;
	return (MI_SUCCESS);
}

int
smfi_setpriv(SMFICTX *m, void *private)
{
	m->private = private;
	return (MI_SUCCESS);
}

void *
smfi_getpriv(SMFICTX *m)
{
	return (m->private);
}

char *
smfi_getsymval(SMFICTX *m, char *name)
{
	static char id[] = "4jYBQh4CRzz1bY2n", plain[] = "PLAIN";
	static char ok[] = "OK", host[] = "relay.example";

	if (strcmp(name, "i") == 0)
		return (id);
	if (strcmp(name, "{auth_type}") == 0 && m->authenticated)
		return (plain);
	if (strcmp(name, "{client_resolve}") == 0 && !m->cleanup)
		return (ok);
	if (strcmp(name, "{daemon_name}") == 0 ||
	    (strcmp(name, "j") == 0 && m->at_end))
		return (host);
	return (NULL);
}

int
smfi_setsymlist(SMFICTX *m, int stage, char *names)
{
	(void)m;
	MUST(stage >= SMFIM_FIRST && stage <= SMFIM_LAST && *names != '\0',
	    "%d", stage);
	return (MI_SUCCESS);
}

int
smfi_setreply(SMFICTX *m, char *code, char *xcode, char *text)
{
	const char *c;

	MUST(strlen(code) == 3 && strlen(xcode) == 5 && code[0] == xcode[0],
	    "%s %s", code, xcode);
	for (c = text; *c != '\0'; c++)
		MUST(*c >= ' ' && *c <= '~' && *c != '%', "%s", text);
	MUST(strlen(text) < 500, "%s", text);
	snprintf(m->reply, sizeof(m->reply), "%s %s", code, xcode);
	return (MI_SUCCESS);
}

/* A call that changes the message, allowed only at its end. NULL if it must
 * fail. */
static struct mta_call *
change(SMFICTX *m, enum mta_change what, const char *text)
{
	struct mta_call *call;

	MUST(m->at_end, "a change before the end of the message");
	MUST(!m->failed, "a change after one that failed");
	MUST(m->ncalls < MTA_CALLS, "no end of changes");
	m->failed = (int)m->ncalls + 1 == m->fail_at;
	if (m->failed)
		return (NULL);
	call = &m->calls[m->ncalls++];
	memset(call, 0, sizeof(*call));
	call->change = what;
	snprintf(call->text, sizeof(call->text), "%s", text);
	return (call);
}

static int
add(SMFICTX *m, const char *text, bool quiet)
{
	struct mta_call *call = change(m, MTA_ADD, text);

	if (call == NULL)
		return (MI_FAILURE);
	MUST(strlen(text) < MTA_TEXT && *text == '<' &&
		text[strlen(text) - 1] == '>',
	    "%s", text);
	call->quiet = quiet;
	return (MI_SUCCESS);
}

int
smfi_addrcpt(SMFICTX *m, char *text)
{
	return (add(m, text, false));
}

int
smfi_addrcpt_par(SMFICTX *m, char *text, char *parameters)
{
	MUST(strcmp(parameters, "NOTIFY=NEVER") == 0, "%s", parameters);
	return (add(m, text, true));
}

int
smfi_delrcpt(SMFICTX *m, char *text)
{
	return (change(m, MTA_DELETE, text) == NULL ? MI_FAILURE : MI_SUCCESS);
}

int
smfi_chgheader(SMFICTX *m, char *name, int index, char *value)
{
	struct mta_call *call = change(m, MTA_REMOVE, name);

	if (call == NULL)
		return (MI_FAILURE);
	MUST(value == NULL, "%s changed", name);
	MUST(strncasecmp(name, "X-Notify-", 9) == 0, "%s removed", name);
	call->index = index;
	return (MI_SUCCESS);
}

int
smfi_addheader(SMFICTX *m, char *name, char *value)
{
	struct mta_call *call = change(m, MTA_HEADER, name);

	if (call == NULL)
		return (MI_FAILURE);
	if (strcmp(name, "Message-ID") == 0) {
		MUST(strlen(value) == 47 &&
			strcmp(value + 15,
			    ".4jYBQh4CRzz1bY2n@relay.example>") == 0,
		    "%s", value);
	} else {
		MUST(strcmp(name, "X-Notify-Decided") == 0, "%s added", name);
		MUST(strlen(value) == 32 &&
			strspn(value, "0123456789abcdef") == 32,
		    "%s", value);
	}
	snprintf(call->value, sizeof(call->value), "%s", value);
	return (MI_SUCCESS);
}

int
smfi_quarantine(SMFICTX *m, char *reason)
{
	if (change(m, MTA_HOLD, reason) == NULL)
		return (MI_FAILURE);
	MUST(*reason != '\0' && escape_is_line(reason), "%s", reason);
	return (MI_SUCCESS);
}

/* What the MTA makes of the changes. */

void
mta_kept(const char *text, char out[MTA_TEXT])
{
	const char *end, *colon;
	bool quoted = false;

	text += strspn(text, " \t\r\n");
	end = text + strlen(text);
	while (end > text && strchr(" \t\r\n", end[-1]) != NULL)
		end--;
	if (end - text >= 2 && *text == '<' && end[-1] == '>') {
		text++;
		end--;
	}
	colon = *text == '@' ? memchr(text, ':', (size_t)(end - text)) : NULL;
	if (colon != NULL)
		text = colon + 1;
	for (; text < end; text++) {
		if (*text == '"') {
			quoted = !quoted;
			continue;
		}
		if (*text == '\\' && text + 1 < end)
			text++;
		*out++ = *text;
	}
	*out = '\0';
}

static void
add_recipient(struct smfi_str *m, const struct mta_call *call)
{
	struct mta_recipient *r;

	MUST(m->nrecipients < MTA_RECIPIENTS, "no end of recipients");
	r = &m->recipients[m->nrecipients++];
	memset(r, 0, sizeof(*r));
	memcpy(r->shown, call->text, sizeof(r->shown));
	mta_kept(call->text, r->kept);
	r->added = true;
	r->quiet = call->quiet;
}

static void
delete_recipient(struct smfi_str *m, const char *text)
{
	char kept[MTA_TEXT];
	size_t i;

	/* The MTA shows a route, and does not keep it. */
	if (text[*text == '<'] == '@' && strchr(text, ':') != NULL)
		return;
	mta_kept(text, kept);
	for (i = 0; i < m->nrecipients; i++) {
		if (strcmp(m->recipients[i].kept, kept) == 0)
			m->recipients[i].gone = true;
	}
}

static void
remove_header(struct smfi_str *m, const char *name, int index)
{
	size_t i;

	/* Removed ones before it no longer count. */
	for (i = 0; i < m->nheaders; i++) {
		if (!m->headers[i].gone &&
		    strcasecmp(m->headers[i].name, name) == 0 && --index == 0)
			m->headers[i].gone = true;
	}
}

static void
add_header(struct smfi_str *m, const struct mta_call *call)
{
	struct mta_header *h;

	MUST(m->nheaders <= MTA_HEADERS, "no end of headers");
	h = &m->headers[m->nheaders++];
	memset(h, 0, sizeof(*h));
	memcpy(h->name, call->text, sizeof(h->name));
	memcpy(h->value, call->value, sizeof(h->value));
	h->added = true;
	if (strcmp(h->name, "Message-ID") == 0)
		memcpy(m->id, h->value, sizeof(m->id));
}

void
mta_apply(struct smfi_str *m)
{
	const struct mta_call *call;

	for (call = m->calls; call < m->calls + m->ncalls; call++) {
		switch (call->change) {
		case MTA_ADD:
			add_recipient(m, call);
			break;
		case MTA_DELETE:
			delete_recipient(m, call->text);
			break;
		case MTA_REMOVE:
			remove_header(m, call->text, call->index);
			break;
		case MTA_HEADER:
			add_header(m, call);
			break;
		case MTA_HOLD:
			m->held++;
			break;
		}
	}
}

/* A log entry is one line, whatever a message says. */

static void
say(const char *fmt, va_list ap)
{
	static char line[MTA_LINE];

	MUST(vsnprintf(line, sizeof(line), fmt, ap) < (int)sizeof(line), "%s",
	    line);
	MUST(escape_is_line(line), "%s", line);
	if (mta_logged != NULL)
		mta_logged(line);
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level == LOG_LEVEL_DEBUG)
		return;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
log_message(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}
