/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * log - to syslog's mail facility, and to standard error in the foreground
 */
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/logsocket.h"

#define SHORT 512 /* bytes of a line, without a call of malloc(3) */

static const char *log_name = "notify-milter";
static bool log_stderr = true;
static atomic_bool log_all;

static const struct {
	int priority;
	const char *prefix;
} levels[] = {
    [LOG_LEVEL_DEBUG] = {LOG_DEBUG, ""},
    [LOG_LEVEL_INFO] = {LOG_INFO, ""},
    [LOG_LEVEL_WARNING] = {LOG_WARNING, "warning: "},
    [LOG_LEVEL_ERROR] = {LOG_ERR, "error: "},
};

static bool stderr_is_journal(void);
static void copy(const char *);
static void emit(int, const char *, const char *, va_list)
    __attribute__((format(printf, 3, 0)));

/* Then syslog and standard error both go to the journal, and each line would be
 * there twice (systemd.exec(5), JOURNAL_STREAM). */
static bool
stderr_is_journal(void)
{
	unsigned long long dev, ino;
	const char *stream;
	struct stat st;

	stream = getenv("JOURNAL_STREAM");
	return (stream != NULL &&
	    sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	    fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev &&
	    st.st_ino == ino);
}

void
log_open(const char *name, bool foreground)
{
	log_name = name;
	log_stderr = foreground && !stderr_is_journal();
	logsocket_open(name);
}

void
log_verbose(bool verbose)
{
	atomic_store(&log_all, verbose);
}

/*
 * Write the line to standard error as far as that does not block: a pager that
 * waits for a key must not hold up mail, and syslog has the line. With one
 * write, so that lines of threads do not mix.
 */
static void
copy(const char *text)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct pollfd reader = {.fd = STDERR_FILENO, .events = POLLOUT};
	char *line, *rest;
	ssize_t n;
	int len;

	len = asprintf(&line, "%s[%ld]: %s\n", log_name, (long)getpid(), text);
	if (len < 0)
		return;
	pthread_mutex_lock(&lock);
	for (rest = line; len > 0 && poll(&reader, 1, 0) == 1 &&
	     (reader.revents & POLLOUT) != 0;
	     rest += n) {
		n = write(STDERR_FILENO, rest,
		    (size_t)(len < PIPE_BUF ? len : PIPE_BUF));
		if (n <= 0)
			break;
		len -= (int)n;
	}
	pthread_mutex_unlock(&lock);
	free(line);
}

/* Nearly all lines fit into ${shortly}. */
static void
emit(int priority, const char *prefix, const char *fmt, va_list ap)
{
	char shortly[SHORT], *text = shortly, *all = NULL;
	size_t before = strlen(prefix);
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(shortly + before, sizeof(shortly) - before, fmt, ap);
	if (len >= 0 && (size_t)len >= sizeof(shortly) - before)
		text = all = malloc(before + (size_t)len + 1);
	if (len < 0 || text == NULL) {
		text = strcpy(shortly, "out of memory for a log line");
	} else {
		memcpy(text, prefix, before);
		if (all != NULL)
			vsnprintf(all + before, (size_t)len + 1, fmt, again);
	}
	va_end(again);
	if (log_stderr)
		copy(text);
	logsocket_send(priority, text);
	free(all);
}

void
log_at(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level == LOG_LEVEL_DEBUG && !atomic_load(&log_all))
		return;
	va_start(ap, fmt);
	emit(levels[level].priority, levels[level].prefix, fmt, ap);
	va_end(ap);
}

void
log_message(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	emit(levels[level].priority, "", fmt, ap);
	va_end(ap);
}
