/*
 * mta - a stand-in for libmilter and for the MTA behind it
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "log.h"
#include "mta.h"
#include "text.h"

struct smfiDesc mta_milter;

static char verdict[32];

static bool works(SMFICTX *);
static int add(SMFICTX *, const char *, bool);
static void say(const char *, va_list) __attribute__((format(printf, 1, 0)));

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

void
mta_forget(struct smfi_str *m)
{
	m->nrecipients = m->nheaders = 0;
	m->calls = m->quarantined = 0;
	m->failed = false;
	m->code[0] = '\0';
}

const char *
mta_verdict(void)
{
	static char last[sizeof(verdict)];

	memcpy(last, verdict, sizeof(last));
	verdict[0] = '\0';
	return (last);
}

/* A call that changes the message: allowed at its end alone. */
static bool
works(SMFICTX *m)
{
	MUST(m->at_end, "a change before the end of the message");
	MUST(!m->failed, "a change after one that failed");
	m->failed = ++m->calls == m->fail_at;
	return (!m->failed);
}

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
	if (strcmp(name, "i") == 0)
		return ("QUEUEID");
	if (strcmp(name, "{auth_type}") == 0 && m->authenticated)
		return ("PLAIN");
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
	snprintf(m->code, sizeof(m->code), "%s", code);
	return (MI_SUCCESS);
}

static int
add(SMFICTX *m, const char *text, bool quiet)
{
	struct mta_recipient *r;

	if (!works(m))
		return (MI_FAILURE);
	MUST(*text == '<' && text[strlen(text) - 1] == '>', "%s", text);
	MUST(m->nrecipients < MTA_RECIPIENTS, "no end of recipients");
	r = &m->recipients[m->nrecipients++];
	memset(r, 0, sizeof(*r));
	snprintf(r->shown, sizeof(r->shown), "%s", text);
	mta_kept(text, r->kept);
	r->added = true;
	r->quiet = quiet;
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
	char kept[MTA_TEXT];
	size_t i;

	if (!works(m))
		return (MI_FAILURE);
	/* A route is shown and not kept. */
	if (text[*text == '<'] == '@' && strchr(text, ':') != NULL)
		return (MI_SUCCESS);
	if (strlen(text) >= sizeof(kept))
		return (MI_SUCCESS);
	mta_kept(text, kept);
	for (i = 0; i < m->nrecipients; i++) {
		if (strcmp(m->recipients[i].kept, kept) == 0)
			m->recipients[i].gone = true;
	}
	return (MI_SUCCESS);
}

int
smfi_chgheader(SMFICTX *m, char *name, int index, char *value)
{
	size_t i;

	if (!works(m))
		return (MI_FAILURE);
	MUST(value == NULL, "%s changed", name);
	MUST(strncasecmp(name, "X-Notify-", 9) == 0, "%s removed", name);
	/* Those before it that are gone no longer count. */
	for (i = 0; i < m->nheaders; i++) {
		if (!m->headers[i].gone &&
		    strcasecmp(m->headers[i].name, name) == 0 && --index == 0)
			m->headers[i].gone = true;
	}
	return (MI_SUCCESS);
}

int
smfi_quarantine(SMFICTX *m, char *reason)
{
	if (!works(m))
		return (MI_FAILURE);
	MUST(*reason != '\0' && text_is_line(reason), "%s", reason);
	m->quarantined++;
	return (MI_SUCCESS);
}

/* What is logged is one line, whatever a message says. */
static void
say(const char *fmt, va_list ap)
{
	const char *at;
	char *text;

	MUST(vasprintf(&text, fmt, ap) >= 0, "no memory");
	MUST(text_is_line(text), "%s", text);
	at = strstr(text, " verdict=");
	if (at != NULL && strncmp(text, "QUEUEID: category=", 18) == 0)
		snprintf(verdict, sizeof(verdict), "%.*s",
		    (int)strcspn(at + 9, " "), at + 9);
	free(text);
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

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
log_warning(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say(fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	(void)fmt;
}
