/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailer - mail that notify-milter itself sends
 *
 * The whole message is written to a file in memory before sendmail(1) is
 * started. If this program dies, sendmail(1) still reads a complete message, or
 * has not been started.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <gmime/gmime.h>

#include "base/arena.h"
#include "base/escape.h"
#include "base/failure.h"
#include "lib/child.h"
#include "lib/mailer.h"
#include "lib/noticetext.h"
#include "settings/settings.h"
#include "store/store.h"
#include "store/store_notice.h"

/* When sendmail(1) takes longer it is killed, and has failed. */
#define SENDMAIL_SECONDS 60
/* Enough for the texts of a notice, escaped. */
#define NOTICE_MAX ((size_t)64 << 10)

/* The longest encoded word, in bytes, and the longest plain one, in characters,
 * that fit beside "Subject:" into a line of 76 characters (RFC 2047, 2). */
#define WORD_BYTES 39
#define WORD_MAX 60

static bool is_plain(const char *);
static void set_subject(GMimeMessage *, const char *);
static GMimePart *text_part(const char *);
static GMimeMessage *compose(
    const struct mailer *, const struct store_notice *);
static int write_file(GMimeMessage *);
static int run_sendmail(struct arena *, const struct settings *, const char *,
    int, struct failure *);

void
mailer_start(void)
{
	g_mime_init();
}

/* Can it stand in a header as it is? */
static bool
is_plain(const char *text)
{
	size_t run = 0;

	if (strstr(text, "=?") != NULL)
		return (false);
	for (; *text != '\0'; text++) {
		run = *text == ' ' ? 0 : run + 1;
		if (*text < ' ' || *text > '~' || run > WORD_MAX)
			return (false);
	}
	return (true);
}

/* GMime makes words that are longer than RFC 2047 allows of a text without
 * blanks, such as in Chinese, and leaves what looks like a word as it is. */
static void
set_subject(GMimeMessage *message, const char *text)
{
	GMimeHeaderList *headers;
	GString *raw;
	char *word;
	const char *end;

	g_mime_message_set_subject(message, text, "utf-8");
	if (is_plain(text))
		return;
	raw = g_string_new(NULL);
	for (; *text != '\0'; text = end) {
		end = text;
		do {
			end = g_utf8_next_char(end);
		} while (
		    *end != '\0' && g_utf8_next_char(end) <= text + WORD_BYTES);
		word =
		    g_base64_encode((const guchar *)text, (gsize)(end - text));
		g_string_append_printf(raw, " =?UTF-8?B?%s?=\n", word);
		g_free(word);
	}
	headers = g_mime_object_get_header_list(GMIME_OBJECT(message));
	g_mime_header_set_raw_value(
	    g_mime_header_list_get_header(headers, "Subject"), raw->str);
	g_string_free(raw, TRUE);
}

/* In UTF-8: g_mime_text_part_set_text() would choose another charset by the
 * letters. */
static GMimePart *
text_part(const char *text)
{
	GMimePart *part = g_mime_part_new_with_type("text", "plain");
	GMimeStream *stream =
	    g_mime_stream_mem_new_with_buffer(text, strlen(text));
	GMimeDataWrapper *content = g_mime_data_wrapper_new_with_stream(
	    stream, GMIME_CONTENT_ENCODING_DEFAULT);

	g_mime_object_set_content_type_parameter(
	    GMIME_OBJECT(part), "charset", "utf-8");
	g_mime_part_set_content(part, content);
	g_mime_part_set_content_encoding(
	    part, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
	g_object_unref(content);
	g_object_unref(stream);
	return (part);
}

static GMimeMessage *
compose(const struct mailer *m, const struct store_notice *n)
{
	const struct settings *settings = m->settings;
	GMimeMessage *message;
	GMimePart *part;
	GDateTime *now;
	const char *domain;
	char *text, *id;

	message = g_mime_message_new(TRUE);
	if (*settings->from != '\0')
		g_mime_message_add_mailbox(
		    message, GMIME_ADDRESS_TYPE_FROM, NULL, settings->from);
	g_mime_message_add_mailbox(
	    message, GMIME_ADDRESS_TYPE_TO, NULL, n->address);
	text = noticetext_subject(m->texts, n);
	set_subject(message, text);
	g_free(text);
	now = g_date_time_new_now_local();
	g_mime_message_set_date(message, now);
	g_date_time_unref(now);
	domain = strrchr(settings->from, '@');
	id = g_mime_utils_generate_message_id(
	    domain == NULL ? "localhost.localdomain" : domain + 1);
	g_mime_message_set_message_id(message, id);
	g_free(id);
	g_mime_object_set_header(
	    GMIME_OBJECT(message), "Auto-Submitted", "auto-generated", NULL);
	text = noticetext_body(m->texts, n);
	part = text_part(text);
	g_free(text);
	g_mime_message_set_mime_part(message, GMIME_OBJECT(part));
	g_object_unref(part);
	return (message);
}

/* Write the message to a file in memory; -1 with errno. */
static int
write_file(GMimeMessage *message)
{
	char *text;
	size_t len, done;
	ssize_t n;
	int fd;

	text = g_mime_object_to_string(GMIME_OBJECT(message), NULL);
	len = strlen(text);
	fd = memfd_create("notice", MFD_CLOEXEC);
	for (done = 0; fd != -1 && done < len; done += (size_t)n) {
		n = write(fd, text + done, len - done);
		if (n == -1) {
			close(fd);
			fd = -1;
		}
	}
	g_free(text);
	if (fd != -1)
		lseek(fd, 0, SEEK_SET);
	return (fd);
}

static int
run_sendmail(struct arena *a, const struct settings *settings, const char *to,
    int fd, struct failure *failure)
{
	/* No answer, and no bounce to it. */
	const char *from = *settings->from == '\0' ? "<>" : settings->from;
	const char *argv[] = {
	    settings->sendmail, "-i", "-f", from, "--", to, NULL};
	/* Its output is dropped: ours is JSON, or one line. */
	struct child c = {
	    .argv = argv,
	    .seconds = SENDMAIL_SECONDS,
	    .input = fd,
	    .output = -1,
	    .quiet = true,
	    .apart = true,
	};
	struct child_result r;

	if (child_run(a, &c, &r, failure) != 0) {
		/* To the caller that would be a user who does not exist. */
		if (failure->kind == FAILURE_UNKNOWN)
			failure->kind = FAILURE_IO;
		return (-1);
	}
	if (r.status != 0)
		return (failure_set(failure, FAILURE_DATA,
		    "%s ended with status %d", settings->sendmail, r.status));
	return (0);
}

int
mailer_notice(void *ctx, const struct store_notice *n, struct failure *failure)
{
	const struct mailer *m = ctx;
	struct arena *a;
	GMimeMessage *message;
	int fd, rc;

	a = arena_new(NOTICE_MAX);
	if (a == NULL)
		return (failure_set(
		    failure, FAILURE_MEMORY, "out of memory for a mail"));
	message = compose(m, n);
	fd = write_file(message);
	g_object_unref(message);
	if (fd == -1) {
		rc = failure_set(failure, FAILURE_IO, "cannot write a mail: %s",
		    strerror(errno));
	} else {
		rc = run_sendmail(a, m->settings, n->address, fd, failure);
		close(fd);
	}
	arena_free(a);
	return (rc);
}
