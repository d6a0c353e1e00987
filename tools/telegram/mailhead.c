/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailhead - what the headers of a mirrored mail say: its tag, and its age
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <gmime/gmime.h>

#include "base/arena.h"
#include "base/failure.h"
#include "telegram/mailhead.h"

/* Headers beyond this are ignored. */
#define HEAD_MAX ((size_t)4 << 20)
/* One header is cut at this; no MTA passes a longer one. */
#define HEADER_MAX ((size_t)1 << 17)

struct reading {
	struct arena *arena;
	struct mailhead *head;
	int64_t date;
};

static int64_t date_of(const char *);
static int take(struct reading *, char *);
static int read_lines(struct reading *, FILE *, struct failure *);

static int64_t
date_of(const char *text)
{
	GDateTime *date;
	int64_t at;

	date = g_mime_utils_header_decode_date(text);
	if (date == NULL)
		return (0);
	at = g_date_time_to_unix(date);
	g_date_time_unref(date);
	return (at);
}

/* One whole header, unfolded or not. */
static int
take(struct reading *r, char *line)
{
	struct mailhead *head = r->head;
	char *colon, *end, *date;

	colon = strchr(line, ':');
	if (colon == NULL)
		return (0);
	/* "X-Notify-Category : x" is that header too (RFC 5322, 4.5). */
	for (end = colon; end > line && strchr(" \t", end[-1]) != NULL; end--)
		continue;
	*end = '\0';
	colon += 1 + strspn(colon + 1, " \t");
	for (end = strchr(colon, '\0');
	     end > colon && strchr("\r\n", end[-1]) != NULL; end--)
		end[-1] = '\0';
	if (strcasecmp(line, "Received") == 0 && head->arrived == 0) {
		date = strrchr(colon, ';');
		if (date != NULL)
			head->arrived = date_of(date + 1);
	} else if (strcasecmp(line, "Date") == 0 && r->date == 0) {
		r->date = date_of(colon);
	}
	return (message_header(&head->message, r->arena, line, colon));
}

/* Read up to the empty line. A line of any length takes limited memory. */
static int
read_lines(struct reading *r, FILE *stream, struct failure *failure)
{
	char *header;
	size_t len = 0, total;
	int c, before = '\n', rc = 0;

	header = malloc(HEADER_MAX + 1);
	if (header == NULL)
		return (failure_memory(failure));
	for (total = 0;
	     rc == 0 && total < HEAD_MAX && (c = getc_unlocked(stream)) != EOF;
	     total++) {
		if (before == '\n' && (c == '\n' || c == '\r'))
			break;
		if (before == '\n' && c != ' ' && c != '\t' && len > 0) {
			header[len] = '\0';
			rc = take(r, header);
			len = 0;
		}
		if (len < HEADER_MAX)
			header[len++] = (char)c;
		before = c;
	}
	if (ferror(stream)) {
		failure_set(
		    failure, FAILURE_IO, "the message: %s", strerror(errno));
		free(header);
		return (-1);
	}
	header[len] = '\0';
	if (rc == 0 && len > 0)
		rc = take(r, header);
	free(header);
	return (rc == 0 ? 0 : failure_memory(failure));
}

int
mailhead_read(
    int fd, struct arena *a, struct mailhead *head, struct failure *failure)
{
	struct reading r = {.arena = a, .head = head};
	FILE *stream;
	int copy, rc;

	memset(head, 0, sizeof(*head));
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	stream = copy == -1 ? NULL : fdopen(copy, "r");
	if (stream == NULL) {
		if (copy != -1)
			close(copy);
		return (failure_memory(failure));
	}
	rc = read_lines(&r, stream, failure);
	fclose(stream);
	if (head->arrived == 0)
		head->arrived = r.date;
	if (rc != 0)
		return (-1);
	if (lseek(fd, 0, SEEK_SET) != 0)
		return (failure_set(
		    failure, FAILURE_IO, "the message: %s", strerror(errno)));
	return (0);
}
