/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * script - what an MTA sends over one milter connection
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include <libmilter/mfdef.h>

#include "bench/script.h"

#define ACTIONS_OFFERED 0x1ffU	/* Postfix 3.7 */
#define STEPS_OFFERED 0x1fffffU /* likewise */

static void *
grow(void *data, size_t *cap, size_t want, size_t size)
{
	if (want <= *cap)
		return (data);
	*cap = want * 2;
	data = realloc(data, *cap * size);
	if (data == NULL)
		errx(EX_OSERR, "out of memory");
	return (data);
}

static void
put(struct script *s, const void *data, size_t len)
{
	s->data = grow(s->data, &s->cap, s->len + len, 1);
	memcpy(s->data + s->len, data, len);
	s->len += len;
}

/* ${text} and a NUL, a "%" in it replaced by ${variant}. */
static void
put_text(struct script *s, const char *text, unsigned long variant)
{
	char number[32];
	const char *p;

	for (p = text; *p != '\0'; p++) {
		if (*p == '%') {
			snprintf(number, sizeof(number), "%lu", variant);
			put(s, number, strlen(number));
		} else {
			put(s, p, 1);
		}
	}
	put(s, "", 1);
}

static size_t
packet_begin(struct script *s, char command)
{
	size_t start = s->len;

	put(s, "\0\0\0\0", 4);
	put(s, &command, 1);
	return (start);
}

static void
packet_end(struct script *s, size_t start)
{
	uint32_t len = htonl((uint32_t)(s->len - start - 4));

	memcpy(s->data + start, &len, sizeof(len));
}

/* Wait for an answer after what was put last. */
static void
expect(struct script *s)
{
	s->stops =
	    grow(s->stops, &s->stops_cap, s->nstops + 1, sizeof(*s->stops));
	s->stops[s->nstops++] = s->len;
}

/* Macro names and values, up to a NULL. */
static void
put_macros(struct script *s, char command, ...)
{
	const char *text;
	va_list ap;
	size_t start;

	start = packet_begin(s, SMFIC_MACRO);
	put(s, &command, 1);
	va_start(ap, command);
	while ((text = va_arg(ap, const char *)) != NULL)
		put(s, text, strlen(text) + 1);
	va_end(ap);
	packet_end(s, start);
}

/* Put a step, unless the milter has negotiated it away; false if so. */
static bool
wanted(const struct script *s, uint32_t no_step)
{
	return ((s->steps & no_step) == 0);
}

void
script_negotiate(struct script *s)
{
	uint32_t words[3] = {htonl(SMFI_PROT_VERSION), htonl(ACTIONS_OFFERED),
	    htonl(STEPS_OFFERED)};
	size_t start;

	start = packet_begin(s, SMFIC_OPTNEG);
	put(s, words, sizeof(words));
	packet_end(s, start);
	expect(s);
}

void
script_connect(struct script *s)
{
	uint16_t port = htons(40000);
	size_t start;

	if (wanted(s, SMFIP_NOCONNECT)) {
		put_macros(s, SMFIC_CONNECT, "j", "relay.example", NULL);
		start = packet_begin(s, SMFIC_CONNECT);
		put(s, "localhost\0004", 11);
		put(s, &port, sizeof(port));
		put(s, "127.0.0.1", 10);
		packet_end(s, start);
		if (wanted(s, SMFIP_NR_CONN))
			expect(s);
	}
	if (wanted(s, SMFIP_NOHELO)) {
		start = packet_begin(s, SMFIC_HELO);
		put(s, "client.example", 15);
		packet_end(s, start);
		if (wanted(s, SMFIP_NR_HELO))
			expect(s);
	}
}

void
script_envelope(struct script *s, const char *sender,
    const struct texts *recipients, unsigned long variant)
{
	size_t i, start;

	if (wanted(s, SMFIP_NOMAIL)) {
		put_macros(s, SMFIC_MAIL, NULL);
		start = packet_begin(s, SMFIC_MAIL);
		put_text(s, sender, variant);
		packet_end(s, start);
		if (wanted(s, SMFIP_NR_MAIL))
			expect(s);
	}
	for (i = 0; i < recipients->n && wanted(s, SMFIP_NORCPT); i++) {
		put_macros(s, SMFIC_RCPT, NULL);
		start = packet_begin(s, SMFIC_RCPT);
		put(s, "<", 1);
		put_text(s, recipients->list[i], variant);
		memcpy(s->data + s->len - 1, ">", 2);
		s->len++;
		packet_end(s, start);
		if (wanted(s, SMFIP_NR_RCPT))
			expect(s);
	}
	if (wanted(s, SMFIP_NODATA)) {
		packet_end(s, packet_begin(s, SMFIC_DATA));
		if (wanted(s, SMFIP_NR_DATA))
			expect(s);
	}
}

static void
put_header(struct script *s, const char *text, unsigned long variant)
{
	const char *value = strchr(text, ':');
	size_t start;

	start = packet_begin(s, SMFIC_HEADER);
	put(s, text, (size_t)(value - text));
	put(s, "", 1);
	value++;
	if ((s->steps & SMFIP_HDR_LEADSPC) == 0 && *value == ' ')
		value++;
	put_text(s, value, variant);
	packet_end(s, start);
	if (wanted(s, SMFIP_NR_HDR))
		expect(s);
}

void
script_content(
    struct script *s, const struct texts *headers, unsigned long variant)
{
	static const char body[] = "Hello.\r\n";
	size_t i, start;

	for (i = 0; i < headers->n && wanted(s, SMFIP_NOHDRS); i++)
		put_header(s, headers->list[i], variant);
	if (wanted(s, SMFIP_NOEOH)) {
		packet_end(s, packet_begin(s, SMFIC_EOH));
		if (wanted(s, SMFIP_NR_EOH))
			expect(s);
	}
	if (wanted(s, SMFIP_NOBODY)) {
		start = packet_begin(s, SMFIC_BODY);
		put(s, body, sizeof(body) - 1);
		packet_end(s, start);
		if (wanted(s, SMFIP_NR_BODY))
			expect(s);
	}
}

void
script_end(struct script *s, const char *id)
{
	put_macros(s, SMFIC_BODYEOB, "i", id, NULL);
	packet_end(s, packet_begin(s, SMFIC_BODYEOB));
	expect(s);
}

void
script_abort(struct script *s)
{
	packet_end(s, packet_begin(s, SMFIC_ABORT));
}

void
script_reset(struct script *s)
{
	s->len = s->at = 0;
	s->nstops = s->stop = 0;
}

size_t
script_until(const struct script *s)
{
	return (s->stop < s->nstops ? s->stops[s->stop] : s->len);
}
