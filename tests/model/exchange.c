/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exchange - one message handed to the milter's callbacks, as JSON
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "milter/session.h"
#include "model/exchange.h"
#include "mta/mta.h"

static json_t *lines;

static void note(const char *);
static void pair(json_t *, const char *, const char *, json_t *);
static void tell(const struct smfi_str *, json_t *);
static const struct sockaddr *client(
    const json_t *, struct sockaddr_in *, struct sockaddr_in6 *);
static void envelope(SMFICTX *, const json_t *);
static const char *answer_name(sfsistat);

char *
exchange_bytes(const json_t *json)
{
	const unsigned char *s;
	char *bytes, *p;

	if (!json_is_string(json))
		return (NULL);
	s = (const unsigned char *)json_string_value(json);
	p = bytes = malloc(strlen((const char *)s) + 1);
	if (bytes == NULL)
		abort();
	/* U+0080 to U+00FF take two bytes of UTF-8; no greater ones occur. */
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
exchange_text(const char *bytes)
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

static void
note(const char *line)
{
	if (lines != NULL)
		json_array_append_new(lines, exchange_text(line));
	else
		fprintf(stderr, "driver: %s\n", line);
}

static void
pair(json_t *done, const char *list, const char *first, json_t *second)
{
	json_t *json = json_array();

	json_array_append_new(json, exchange_text(first));
	json_array_append_new(json, second);
	json_array_append_new(json_object_get(done, list), json);
}

/* What the milter asked for. */
static void
tell(const struct smfi_str *mta, json_t *done)
{
	const struct mta_call *c;

	for (c = mta->calls; c < mta->calls + mta->ncalls; c++) {
		switch (c->change) {
		case MTA_ADD:
			pair(done, "added", c->text,
			    c->quiet ? json_string("NOTIFY=NEVER")
				     : json_null());
			break;
		case MTA_DELETE:
			json_array_append_new(json_object_get(done, "deleted"),
			    exchange_text(c->text));
			break;
		case MTA_REMOVE:
			pair(done, "removed", c->text, json_integer(c->index));
			break;
		case MTA_HEADER:
			pair(done, "headers", c->text, exchange_text(c->value));
			break;
		case MTA_HOLD:
			json_object_set_new(
			    done, "quarantine", exchange_text(c->text));
			break;
		}
	}
	if (mta->reply[0] != '\0')
		json_object_set_new(done, "reply", json_string(mta->reply));
}

void
exchange_start(void)
{
	if (session_register(false) != 0)
		abort();
	mta_logged = note;
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

	mta_milter.xxfi_envfrom(ctx, argv);
	json_array_foreach(json_object_get(message, "recipients"), i, item)
	{
		argv[0] = exchange_bytes(item);
		mta_milter.xxfi_envrcpt(ctx, argv);
		free(argv[0]);
	}
	json_array_foreach(json_object_get(message, "headers"), i, item)
	{
		name = exchange_bytes(json_array_get(item, 0));
		value = exchange_bytes(json_array_get(item, 1));
		mta_milter.xxfi_header(ctx, name, value);
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
exchange(const json_t *message)
{
	static char name[] = "client";
	static struct smfi_str mta;
	struct sockaddr_in four = {0};
	struct sockaddr_in6 six = {0};
	unsigned long got[4];
	json_t *done;
	sfsistat status;

	mta_open(&mta);
	mta.cleanup = json_is_true(json_object_get(message, "cleanup"));
	mta.authenticated =
	    json_is_true(json_object_get(message, "authenticated"));
	lines = json_array();
	done =
	    json_pack("{s:[],s:[],s:[],s:[],s:n,s:n,s:o}", "added", "deleted",
		"removed", "headers", "quarantine", "reply", "log", lines);
	if (mta_milter.xxfi_negotiate(&mta, ~0UL, ~0UL, 0, 0, &got[0], &got[1],
		&got[2], &got[3]) != SMFIS_CONTINUE)
		abort();
	mta_milter.xxfi_connect(&mta, name,
	    (_SOCK_ADDR *)(uintptr_t)client(
		json_object_get(message, "client"), &four, &six));
	envelope(&mta, message);
	mta.at_end = true;
	status = mta_milter.xxfi_eom(&mta);
	mta_milter.xxfi_close(&mta);
	lines = NULL;
	tell(&mta, done);
	json_object_set_new(done, "answer", json_string(answer_name(status)));
	return (done);
}
