/*
 * mta - an MTA that hands one message to the milter's callbacks
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libmilter/mfapi.h>

#include "log.h"
#include "mta.h"
#include "session.h"

/* libmilter's context of a connection: here it is ours. */
struct smfi_str {
	void *private;
	bool authenticated;
	json_t *done;
};

static struct smfiDesc milter;
static json_t *lines;

static void note(const char *, va_list) PRINTF_LIKE(1, 0);
static void pair(json_t *, const char *, const char *, json_t *);
static const struct sockaddr *client(
    const json_t *, struct sockaddr_in *, struct sockaddr_in6 *);
static void envelope(SMFICTX *, const json_t *);
static const char *answer_name(sfsistat);

char *
mta_bytes(const json_t *json)
{
	const unsigned char *s;
	char *bytes, *p;

	if (!json_is_string(json))
		return (NULL);
	s = (const unsigned char *)json_string_value(json);
	p = bytes = malloc(strlen((const char *)s) + 1);
	if (bytes == NULL)
		abort();
	/* U+0080 to U+00FF take two octets of UTF-8, and none is above. */
	for (; *s != '\0'; s++) {
		if (*s < 0x80) {
			*p++ = (char)*s;
		} else {
			*p++ = (char)((*s & 0x03) << 6 | (s[1] & 0x3f));
			s++;
		}
	}
	*p = '\0';
	return (bytes);
}

json_t *
mta_text(const char *bytes)
{
	const unsigned char *s = (const unsigned char *)bytes;
	char *text, *p;
	json_t *json;

	if (bytes == NULL)
		return (json_null());
	p = text = malloc(2 * strlen(bytes) + 1);
	if (text == NULL)
		abort();
	for (; *s != '\0'; s++) {
		if (*s < 0x80) {
			*p++ = (char)*s;
		} else {
			*p++ = (char)(0xc0 | *s >> 6);
			*p++ = (char)(0x80 | (*s & 0x3f));
		}
	}
	*p = '\0';
	json = json_string(text);
	free(text);
	return (json);
}

/* The log, as far as the milter knows. */

static void
note(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	if (lines != NULL)
		json_array_append_new(lines, mta_text(text));
	else
		fprintf(stderr, "driver: %s\n", text);
	free(text);
}

#define LOGS(name)                                                             \
	void name(const char *fmt, ...)                                        \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, fmt);                                             \
		note(fmt, ap);                                                 \
		va_end(ap);                                                    \
	}

LOGS(log_info)
LOGS(log_warning)
LOGS(log_error)

void
log_debug(const char *fmt, ...)
{
	(void)fmt;
}

void
log_message(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	(void)level;
	va_start(ap, fmt);
	note(fmt, ap);
	va_end(ap);
}

/* libmilter, as far as the milter knows. */

int
smfi_register(struct smfiDesc desc)
{
	milter = desc;
	return (MI_SUCCESS);
}

int
smfi_setpriv(SMFICTX *ctx, void *private)
{
	ctx->private = private;
	return (MI_SUCCESS);
}

void *
smfi_getpriv(SMFICTX *ctx)
{
	return (ctx->private);
}

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
	static char id[] = "4jYBQh4CRzz1bY2n", plain[] = "PLAIN";

	if (strcmp(name, "i") == 0)
		return (id);
	if (strcmp(name, "{auth_type}") == 0 && ctx->authenticated)
		return (plain);
	return (NULL);
}

int
smfi_setsymlist(SMFICTX *ctx, int where, char *macros)
{
	(void)ctx;
	(void)where;
	(void)macros;
	return (MI_SUCCESS);
}

static void
pair(json_t *done, const char *list, const char *first, json_t *second)
{
	json_t *json = json_array();

	json_array_append_new(json, mta_text(first));
	json_array_append_new(json, second);
	json_array_append_new(json_object_get(done, list), json);
}

int
smfi_addrcpt(SMFICTX *ctx, char *address)
{
	pair(ctx->done, "added", address, json_null());
	return (MI_SUCCESS);
}

int
smfi_addrcpt_par(SMFICTX *ctx, char *address, char *parameters)
{
	pair(ctx->done, "added", address, mta_text(parameters));
	return (MI_SUCCESS);
}

int
smfi_delrcpt(SMFICTX *ctx, char *address)
{
	json_array_append_new(
	    json_object_get(ctx->done, "deleted"), mta_text(address));
	return (MI_SUCCESS);
}

int
smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	if (value != NULL)
		return (MI_FAILURE);
	pair(ctx->done, "removed", name, json_integer(index));
	return (MI_SUCCESS);
}

int
smfi_quarantine(SMFICTX *ctx, char *reason)
{
	json_object_set_new(ctx->done, "quarantine", mta_text(reason));
	return (MI_SUCCESS);
}

int
smfi_setreply(SMFICTX *ctx, char *code, char *xcode, char *text)
{
	(void)text;
	json_object_set_new(
	    ctx->done, "reply", json_sprintf("%s %s", code, xcode));
	return (MI_SUCCESS);
}

/* One message. */

void
mta_start(void)
{
	if (session_register() != 0)
		abort();
}

static const struct sockaddr *
client(const json_t *json, struct sockaddr_in *four, struct sockaddr_in6 *six)
{
	const char *text = json_string_value(json);

	if (text == NULL)
		return (NULL);
	four->sin_family = AF_INET;
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
		return ((const struct sockaddr *)four);
	six->sin6_family = AF_INET6;
	if (inet_pton(AF_INET6, text, &six->sin6_addr) != 1)
		abort();
	return ((const struct sockaddr *)six);
}

static void
envelope(SMFICTX *ctx, const json_t *message)
{
	char sender[] = "<>", *argv[] = {sender, NULL}, *name, *value;
	const json_t *item;
	size_t i;

	milter.xxfi_envfrom(ctx, argv);
	json_array_foreach(json_object_get(message, "recipients"), i, item)
	{
		argv[0] = mta_bytes(item);
		milter.xxfi_envrcpt(ctx, argv);
		free(argv[0]);
	}
	json_array_foreach(json_object_get(message, "headers"), i, item)
	{
		name = mta_bytes(json_array_get(item, 0));
		value = mta_bytes(json_array_get(item, 1));
		milter.xxfi_header(ctx, name, value);
		free(name);
		free(value);
	}
}

static const char *
answer_name(sfsistat status)
{
	switch (status) {
	case SMFIS_CONTINUE:
		return ("continue");
	case SMFIS_DISCARD:
		return ("discard");
	case SMFIS_REJECT:
		return ("reject");
	case SMFIS_TEMPFAIL:
		return ("tempfail");
	default:
		return ("?");
	}
}

json_t *
mta_message(const json_t *message)
{
	static char name[] = "client";
	struct sockaddr_in four = {0};
	struct sockaddr_in6 six = {0};
	struct smfi_str ctx = {0};
	unsigned long got[4];
	sfsistat status;

	lines = json_array();
	ctx.authenticated =
	    json_is_true(json_object_get(message, "authenticated"));
	ctx.done = json_pack("{s:[],s:[],s:[],s:n,s:n,s:o}", "added", "deleted",
	    "removed", "quarantine", "reply", "log", lines);
	if (milter.xxfi_negotiate(&ctx, ~0UL, ~0UL, 0, 0, &got[0], &got[1],
		&got[2], &got[3]) != SMFIS_CONTINUE)
		abort();
	milter.xxfi_connect(&ctx, name,
	    (_SOCK_ADDR *)(uintptr_t)client(
		json_object_get(message, "client"), &four, &six));
	envelope(&ctx, message);
	status = milter.xxfi_eom(&ctx);
	milter.xxfi_close(&ctx);
	lines = NULL;
	json_object_set_new(
	    ctx.done, "answer", json_string(answer_name(status)));
	return (ctx.done);
}
