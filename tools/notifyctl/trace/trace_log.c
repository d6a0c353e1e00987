/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_log - lines of the mail log, from files or from the systemd journal
 *
 * A traditional timestamp has no year. It gets the latest one that does not put
 * it after the last change of the file: right for last year's log, and for
 * December in January.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>
#include <zlib.h>

#include "base/escape.h"
#include "base/failure.h"
#include "notifyctl/trace/trace_log.h"

#define LINE_MAX_OCTETS ((size_t)64 << 10)
#define HOUR 3600
#define DAY 86400
/* So late may a line be behind the one before it. */
#define LATE_SECONDS 60
/* syslog(3): LOG_MAIL >> 3. */
#define MAIL_FACILITY "SYSLOG_FACILITY=2"

/* The last traditional timestamp of a file: most lines repeat it, and mktime(3)
 * takes longer than the rest of a line. */
struct last {
	char text[16]; /* "Nov 23 19:25:49" */
	int64_t at;
};

static time_t year_of(struct tm *, time_t);
static bool shows(const struct tm *, time_t);
static time_t in_order(const struct tm *, time_t, int64_t);
static int64_t traditional(char *, time_t, struct last *, char **);
static int64_t rfc3339(char *, char **);
static char *after_words(char *, size_t);
static bool split(char *, struct trace_line *);
static bool split_5424(char *, struct trace_line *);
static bool take(char *, time_t, struct last *, trace_line_fn *, void *);
static bool unfinished(gzFile, const char *);
static int cannot(const char *, int, struct failure *);
static char *field(sd_journal *, const char *);
static void entry(sd_journal *, trace_line_fn *, void *);
static bool closed_to_us(void);

/* A time without a year, in the latest year that does not put it after
 * ${changed}; -1 if there is none. */
static time_t
year_of(struct tm *tm, time_t changed)
{
	struct tm then;
	time_t at;
	int first;

	localtime_r(&changed, &then);
	first = then.tm_year - 9;
	/* February 29 may be four years ago, or eight. */
	for (tm->tm_year = then.tm_year; tm->tm_year > first; tm->tm_year--) {
		then = *tm;
		then.tm_isdst = -1;
		at = mktime(&then);
		if (at != -1 && at <= changed + DAY &&
		    then.tm_mday == tm->tm_mday)
			return (at);
	}
	return (-1);
}

/* Does the clock show the hour of ${tm} at this time? */
static bool
shows(const struct tm *tm, time_t at)
{
	struct tm then;

	return (localtime_r(&at, &then) != NULL && then.tm_hour == tm->tm_hour);
}

/* The hour that comes twice when summer time ends: a log is in order, so the
 * first of the two, unless that was before the last line. mktime(3) gives
 * either. */
static time_t
in_order(const struct tm *tm, time_t at, int64_t last)
{
	if (shows(tm, at - HOUR))
		at -= HOUR;
	if (at < last - LATE_SECONDS && shows(tm, at + HOUR))
		at += HOUR;
	return (at);
}

/* "Nov 23 19:25:49 ", perhaps with a fraction, and the rest of the line. 0 if
 * it is no timestamp. */
static int64_t
traditional(char *line, time_t changed, struct last *last, char **rest)
{
	size_t len = sizeof(last->text) - 1;
	struct tm tm;
	time_t at = last->at;
	char *end;

	if (at != 0 && strncmp(line, last->text, len) == 0) {
		end = line + len;
	} else {
		memset(&tm, 0, sizeof(tm));
		end = strptime(line, "%b %d %H:%M:%S", &tm);
		if (end == NULL || (at = year_of(&tm, changed)) == -1)
			return (0);
		at = in_order(&tm, at, last->at);
	}
	*rest = end;
	if (*end == '.')
		*rest += 1 + strspn(end + 1, "0123456789");
	if (**rest != ' ')
		return (0);
	(*rest)++;
	last->at = 0;
	if (end == line + len) {
		memcpy(last->text, line, len);
		last->text[len] = '\0';
		last->at = at;
	}
	return (at);
}

/* Likewise "2026-11-23T19:25:49.123456+01:00 "; journalctl(1) writes +0100. */
static int64_t
rfc3339(char *line, char **rest)
{
	struct tm tm;
	char *end, sign;
	int hours, minutes, len;
	time_t at;

	memset(&tm, 0, sizeof(tm));
	end = strptime(line, "%Y-%m-%dT%H:%M:%S", &tm);
	if (end == NULL)
		return (0);
	at = timegm(&tm);
	if (*end == '.' || *end == ',')
		end += 1 + strspn(end + 1, "0123456789");
	if (*end == 'Z') {
		end++;
	} else {
		len = 0;
		if (sscanf(end, "%c%2d:%2d%n", &sign, &hours, &minutes, &len) !=
			3 &&
		    sscanf(end, "%c%2d%2d%n", &sign, &hours, &minutes, &len) !=
			3)
			return (0);
		if (sign != '+' && sign != '-')
			return (0);
		at -= (sign == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
		end += len;
	}
	if (*end != ' ')
		return (0);
	*rest = end + 1;
	return (at);
}

/* What follows the first ${n} words of ${s}. */
static char *
after_words(char *s, size_t n)
{
	for (; n > 0; n--) {
		s += strcspn(s, " ");
		s += strspn(s, " ");
	}
	return (s);
}

/* "program[123]: text" */
static bool
split(char *s, struct trace_line *line)
{
	size_t len;

	len = strcspn(s, " :[");
	if (len == 0 || (s[len] != '[' && s[len] != ':'))
		return (false);
	line->program = s;
	line->process = 0;
	line->text = s + len;
	if (s[len] == '[') {
		line->process = strtol(s + len + 1, NULL, 10);
		line->text += 1 + strspn(line->text + 1, "0123456789");
		if (*line->text++ != ']')
			return (false);
	}
	if (strncmp(line->text, ": ", 2) != 0)
		return (false);
	line->text += 2;
	s[len] = '\0';
	return (true);
}

/* RFC 5424: "host program 123 msgid [data] text", most of which may be "-". */
static bool
split_5424(char *s, struct trace_line *line)
{
	char *program = after_words(s, 1), *text = after_words(s, 4);

	while (*text == '[' && (text = strchr(text, ']')) != NULL)
		text++;
	if (text == NULL)
		return (false);
	text += *text == '-';
	if (*text != ' ')
		return (false);
	text++;
	line->text = text + (strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
	line->program = program;
	line->process = strtol(after_words(s, 2), NULL, 10);
	program[strcspn(program, " ")] = '\0';
	return (*program != '\0');
}

/* True if it is a line of a log. */
static bool
take(char *s, time_t changed, struct last *last, trace_line_fn *fn, void *ctx)
{
	struct trace_line line;
	bool versioned = false;
	char *rest;

	s[strcspn(s, "\r\n")] = '\0';
	/* An old syslogd writes the priority, as "<22>"; so does RFC 5424, with
	 * a version. */
	if (*s == '<' && isdigit((unsigned char)s[1]))
		s += strcspn(s, ">") + (strchr(s, '>') != NULL);
	if (strncmp(s, "1 ", 2) == 0) {
		versioned = true;
		s += 2;
	}
	rest = s;
	line.at = isdigit((unsigned char)*s)
	    ? rfc3339(s, &rest)
	    : traditional(s, changed, last, &rest);
	if (versioned) {
		if (line.at == 0 || !split_5424(rest, &line))
			return (false);
		fn(ctx, &line);
		return (true);
	}
	/* Skip the host, and the "<mail.info>" that syslogd -v of BSD puts
	 * before it. */
	if (line.at != 0)
		rest = after_words(rest, *rest == '<' ? 2 : 1);
	if (!split(rest, &line))
		return (false);
	fn(ctx, &line);
	/* Without a time, the header of a mail looks the same. */
	return (line.at != 0 || strchr(line.program, '/') != NULL ||
	    strncmp(line.program, "notify", 6) == 0);
}

static int
cannot(const char *path, int error, struct failure *failure)
{
	return (failure_set(failure,
	    error == EACCES || error == EPERM ? FAILURE_DENIED
		: error == ENOENT	      ? FAILURE_UNKNOWN
					      : FAILURE_IO,
	    "%s: %s", escape_name(path), strerror(error)));
}

/* Is it the last line, and still being written? A half line could tell of
 * another message, or of another outcome. */
static bool
unfinished(gzFile in, const char *line)
{
	return (gzeof(in) && strchr(line, '\n') == NULL);
}

int
trace_log_file(
    const char *path, trace_line_fn *fn, void *ctx, struct failure *failure)
{
	struct last last = {.at = 0};
	struct stat st;
	bool begins, ends = true, some = false, other = false;
	char *line;
	gzFile in;
	int code, fd, rc = 0;

	/* Do not wait for the writer of a FIFO. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return (cannot(path, errno, failure));
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return (failure_set(
		    failure, FAILURE_DATA, "%s is not a regular file", path));
	}
	line = malloc(LINE_MAX_OCTETS);
	in = gzdopen(fd, "rb");
	if (line == NULL || in == NULL) {
		free(line);
		close(fd);
		return (failure_memory(failure));
	}
	while (gzgets(in, line, (int)LINE_MAX_OCTETS) != NULL) {
		/* Skip the rest of a line that is too long. */
		begins = ends;
		ends = strlen(line) + 1 < LINE_MAX_OCTETS ||
		    line[LINE_MAX_OCTETS - 2] == '\n';
		if (!begins || unfinished(in, line))
			continue;
		if (take(line, st.st_mtime, &last, fn, ctx))
			some = true;
		else
			other = true;
	}
	(void)gzerror(in, &code);
	if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR)
		rc = failure_set(failure, FAILURE_DATA, "%s: %s", path,
		    code == Z_ERRNO ? strerror(errno) : "damaged");
	else if (other && !some)
		rc = failure_set(failure, FAILURE_DATA,
		    "%s has no line as syslog, Postfix or journalctl(1) writes "
		    "it; only gzip(1) is unpacked",
		    path);
	gzclose(in);
	free(line);
	return (rc);
}

/* A field of the current entry, to be freed; NULL if there is none. */
static char *
field(sd_journal *j, const char *name)
{
	const void *data;
	size_t len, skip = strlen(name) + 1;
	char *text, *s;

	if (sd_journal_get_data(j, name, &data, &len) < 0 || len < skip)
		return (NULL);
	text = strndup((const char *)data + skip, len - skip);
	for (s = text; s != NULL && *s != '\0'; s++) {
		if (*s == '\n')
			*s = ' ';
	}
	return (text);
}

static void
entry(sd_journal *j, trace_line_fn *fn, void *ctx)
{
	struct trace_line line;
	char *program, *process, *text;
	uint64_t usec;

	program = field(j, "SYSLOG_IDENTIFIER");
	process = field(j, "SYSLOG_PID");
	text = field(j, "MESSAGE");
	if (program != NULL && text != NULL) {
		line.at = sd_journal_get_realtime_usec(j, &usec) < 0
		    ? 0
		    : (int64_t)(usec / 1000000);
		line.program = program;
		line.process = process == NULL ? 0 : strtol(process, NULL, 10);
		line.text = text;
		fn(ctx, &line);
	}
	free(program);
	free(process);
	free(text);
}

/*
 * Is there a system journal that this user may not read? The library would only
 * leave it out, and the user's own entries would pass for the mail log.
 */
static bool
closed_to_us(void)
{
	static const char *const folders[] = {
	    "/var/log/journal", "/run/log/journal"};
	char path[sizeof("/var/log/journal//system.journal") +
	    SD_ID128_STRING_MAX];
	sd_id128_t id;
	size_t i;

	if (sd_id128_get_machine(&id) < 0)
		return (false);
	for (i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, sizeof(path),
		    "%s/" SD_ID128_FORMAT_STR "/system.journal", folders[i],
		    SD_ID128_FORMAT_VAL(id));
		if (access(path, R_OK) != 0 && errno == EACCES)
			return (true);
	}
	return (false);
}

int
trace_log_journal(const char *directory, trace_line_fn *fn, void *ctx,
    struct failure *failure)
{
	const char *name = directory == NULL ? "the journal" : directory;
	sd_journal *j = NULL;
	size_t entries = 0;
	int rc;

	if (directory == NULL && closed_to_us())
		return (cannot(name, EACCES, failure));
	rc = directory == NULL ? sd_journal_open(&j, SD_JOURNAL_LOCAL_ONLY)
			       : sd_journal_open_directory(&j, directory, 0);
	if (rc >= 0)
		rc = sd_journal_add_match(j, MAIL_FACILITY, 0);
	while (rc >= 0 && (rc = sd_journal_next(j)) > 0) {
		entries++;
		entry(j, fn, ctx);
	}
	sd_journal_close(j);
	if (rc < 0)
		return (cannot(name, -rc, failure));
	if (entries == 0)
		return (failure_set(failure, FAILURE_UNKNOWN,
		    "%s has no readable entry of the mail facility", name));
	return (0);
}
