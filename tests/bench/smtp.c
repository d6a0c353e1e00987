/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * smtp - an SMTP client that sends message after message in one session
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "bench/dial.h"
#include "bench/smtp.h"

#define LINE_SIZE 2048

struct smtp {
	FILE *in, *out;
};

/* A line, a "%" in it replaced by ${variant}. */
static void
put(struct smtp *s, const char *before, const char *text, const char *after,
    unsigned long variant)
{
	const char *p;

	fputs(before, s->out);
	for (p = text; *p != '\0'; p++) {
		if (*p == '%')
			fprintf(s->out, "%lu", variant);
		else
			putc(*p, s->out);
	}
	fputs(after, s->out);
	fputs("\r\n", s->out);
}

/* Send what was put, and read the reply, which must begin with ${code}. */
static void
expect(struct smtp *s, const char *code)
{
	char line[LINE_SIZE];

	if (fflush(s->out) != 0)
		err(EX_IOERR, "the server");
	do {
		if (fgets(line, sizeof(line), s->in) == NULL)
			errx(EX_UNAVAILABLE, "the server hangs up");
		if (strncmp(line, code, 3) != 0)
			errx(
			    EX_UNAVAILABLE, "expected %s, got: %s", code, line);
	} while (line[3] == '-');
}

struct smtp *
smtp_open(const char *where)
{
	struct smtp *s;
	int fd;

	s = calloc(1, sizeof(*s));
	fd = dial(where);
	if (s == NULL || fd == -1 || fcntl(fd, F_SETFL, 0) != 0 ||
	    (s->in = fdopen(fd, "r")) == NULL ||
	    (s->out = fdopen(fd, "w")) == NULL)
		err(EX_UNAVAILABLE, "%s", where);
	expect(s, "220");
	put(s, "EHLO client.example", "", "", 0);
	expect(s, "250");
	return (s);
}

void
smtp_close(struct smtp *s)
{
	put(s, "QUIT", "", "", 0);
	expect(s, "221");
	fclose(s->in);
	free(s);
}

void
smtp_send(struct smtp *s, const char *sender, const struct texts *recipients,
    const struct texts *headers, unsigned long variant)
{
	size_t i;

	put(s, "MAIL FROM:", sender, "", variant);
	expect(s, "250");
	for (i = 0; i < recipients->n; i++) {
		put(s, "RCPT TO:<", recipients->list[i], ">", variant);
		expect(s, "250");
	}
	put(s, "DATA", "", "", 0);
	expect(s, "354");
	for (i = 0; i < headers->n; i++)
		put(s, "", headers->list[i], "", variant);
	put(s, "\r\nHello.\r\n.", "", "", 0);
	expect(s, "250");
}
