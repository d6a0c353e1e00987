/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters - what was counted, in a file that Prometheus reads
 *
 * There are few series (categories times verdicts), so they are a list. It
 * keeps their order, since the buckets of a histogram have one.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/counters.h"
#include "base/failure.h"
#include "base/regular.h"

#define SERIES_MAX 10000
#define LABELS_MAX 512
/* A longer line is none of ours. */
#define LINE_MAX_LENGTH 1024
/* Tries to lock, 10 ms apart. */
#define LOCK_TRIES 100

struct kind {
	const char *name;
	const char *type; /* NULL: the family of the one before */
	const char *help;
	const char *family; /* NULL: the name */
};

static const struct kind kinds[COUNTER_COUNT] = {
    [COUNTER_START_TIME] = {"notify_milter_start_time_seconds", "gauge",
	"When the milter was started, in Unix time.", NULL},
    [COUNTER_UNTAGGED] = {"notify_milter_untagged_messages_total", "counter",
	"Messages without a tag, which passed unchanged.", NULL},
    [COUNTER_MESSAGES] = {"notify_milter_messages_total", "counter",
	"Tagged messages by category and verdict.", NULL},
    [COUNTER_RECIPIENTS] = {"notify_milter_recipients_total", "counter",
	"Recipients of delivered messages by change.", NULL},
    [COUNTER_LOOKUP_FAILURES] = {"notify_milter_lookup_failures_total",
	"counter",
	"Messages that were answered 4xx since no decision was possible.",
	NULL},
    [COUNTER_DECISION_BUCKET] = {"notify_milter_decision_seconds_bucket",
	"histogram", "Time to decide a tagged message.",
	"notify_milter_decision_seconds"},
    [COUNTER_DECISION_SUM] = {"notify_milter_decision_seconds_sum", NULL, NULL,
	NULL},
    [COUNTER_DECISION_COUNT] = {"notify_milter_decision_seconds_count", NULL,
	NULL, NULL},
    [COUNTER_MIRRORED] = {"notify_telegram_messages_total", "counter",
	"Attempts to send a mirrored message to its chat, by category and "
	"outcome.",
	NULL},
    [COUNTER_HELD] = {"notify_milter_held_messages", "gauge",
	"Tagged messages in Postfix's hold queue.", NULL},
    [COUNTER_HELD_OLDEST] = {"notify_milter_held_oldest_time_seconds", "gauge",
	"When the oldest of them arrived, in Unix time; 0 if there is none.",
	NULL},
};

static struct counted *find(
    const struct counters *, enum counter, const char *);
static struct counted *make(struct counters *, enum counter, const char *);
static int read_line(struct counters *, char *);
static int lock_directory(const char *, struct failure *);

static struct counted *
find(const struct counters *c, enum counter counter, const char *labels)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (c->v[i].counter == counter &&
		    strcmp(c->v[i].labels, labels) == 0)
			return (&c->v[i]);
	}
	return (NULL);
}

static struct counted *
make(struct counters *c, enum counter counter, const char *labels)
{
	struct counted *v;

	v = find(c, counter, labels);
	if (v != NULL)
		return (v);
	if (c->n == SERIES_MAX || strlen(labels) >= LABELS_MAX)
		return (NULL);
	v = reallocarray(c->v, c->n + 1, sizeof(*v));
	if (v == NULL)
		return (NULL);
	c->v = v;
	v += c->n;
	v->counter = counter;
	v->value = 0;
	v->labels = strdup(labels);
	if (v->labels == NULL)
		return (NULL);
	c->n++;
	return (v);
}

int
counters_set(
    struct counters *c, enum counter counter, const char *labels, double value)
{
	struct counted *v;

	v = make(c, counter, labels);
	if (v == NULL)
		return (-1);
	v->value = value;
	return (0);
}

int
counters_add(
    struct counters *c, enum counter counter, const char *labels, double value)
{
	return (counters_set(
	    c, counter, labels, counters_get(c, counter, labels) + value));
}

double
counters_get(const struct counters *c, enum counter counter, const char *labels)
{
	const struct counted *v;

	v = find(c, counter, labels);
	return (v == NULL ? 0 : v->value);
}

/* name value, or name{labels} value. Skips what we do not count. */
static int
read_line(struct counters *c, char *line)
{
	char *value, *labels, *end;
	double number;
	int i;

	if (*line == '#' || *line == '\0')
		return (0);
	value = strrchr(line, ' ');
	if (value == NULL)
		return (-1);
	*value++ = '\0';
	number = strtod(value, &end);
	if (end == value || *end != '\0' || !(number >= 0 && number < 1e18))
		return (-1);
	labels = strchr(line, '{');
	if (labels != NULL) {
		end = line + strlen(line) - 1;
		if (*end != '}')
			return (-1);
		*labels++ = '\0';
		*end = '\0';
	}
	for (i = 0; i < COUNTER_COUNT; i++) {
		if (strcmp(kinds[i].name, line) == 0)
			return (counters_add(c, (enum counter)i,
			    labels == NULL ? "" : labels, number));
	}
	return (0);
}

int
counters_read(struct counters *c, const char *path, struct failure *failure)
{
	char line[LINE_MAX_LENGTH];
	unsigned number;
	size_t len;
	FILE *file;
	int rc;

	file = regular_stream(path);
	if (file == NULL && errno == ENOENT)
		return (0);
	if (file == NULL)
		return (failure_set(
		    failure, FAILURE_IO, "%s: %s", path, strerror(errno)));
	rc = 1;
	for (number = 1; fgets(line, sizeof(line), file) != NULL; number++) {
		len = strcspn(line, "\n");
		/* The last line may lack its end. */
		if (line[len] == '\0' && !feof(file))
			*line = ' ';
		line[len] = '\0';
		if (read_line(c, line) != 0) {
			rc = failure_set(failure, FAILURE_DATA,
			    "%s:%u: expected NAME{LABELS} NUMBER", path,
			    number);
			break;
		}
	}
	if (rc == 1 && ferror(file))
		rc = failure_set(
		    failure, FAILURE_IO, "%s: %s", path, strerror(errno));
	fclose(file);
	return (rc);
}

char *
counters_text(const struct counters *c)
{
	const struct counted *v;
	const char *family;
	char *text = NULL;
	size_t size, n;
	FILE *file;
	bool named;
	int i;

	file = open_memstream(&text, &size);
	if (file == NULL)
		return (NULL);
	for (i = 0; i < COUNTER_COUNT; i++) {
		named = kinds[i].type == NULL;
		family =
		    kinds[i].family == NULL ? kinds[i].name : kinds[i].family;
		for (n = 0; n < c->n; n++) {
			v = &c->v[n];
			if (v->counter != (enum counter)i)
				continue;
			if (!named)
				fprintf(file, "# HELP %s %s\n# TYPE %s %s\n",
				    family, kinds[i].help, family,
				    kinds[i].type);
			named = true;
			fprintf(file, "%s%s%s%s %.15g\n", kinds[i].name,
			    *v->labels == '\0' ? "" : "{", v->labels,
			    *v->labels == '\0' ? "" : "}", v->value);
		}
	}
	if (fclose(file) != 0) {
		free(text);
		return (NULL);
	}
	return (text);
}

int
counters_replace(const char *path, const char *text, struct failure *failure)
{
	char *name;
	FILE *file;
	bool done;

	/* One name, so that the next call removes what a crash has left; the
	 * collector reads *.prom only. */
	if (asprintf(&name, "%s.new", path) < 0)
		return (failure_memory(failure));
	(void)unlink(name);
	file = fopen(name, "wxe");
	done = file != NULL && fputs(text, file) != EOF && fflush(file) == 0 &&
	    fchmod(fileno(file), 0644) == 0 && rename(name, path) == 0;
	if (!done) {
		failure_set(
		    failure, FAILURE_IO, "%s: %s", path, strerror(errno));
		if (file != NULL)
			unlink(name);
	}
	if (file != NULL)
		fclose(file);
	free(name);
	return (done ? 0 : -1);
}

/* The file itself is replaced, so a lock on its directory stands for it. */
static int
lock_directory(const char *path, struct failure *failure)
{
	const struct timespec tick = {.tv_nsec = 10000000};
	char *directory, *slash;
	int fd, i;

	directory = strdup(path);
	if (directory == NULL)
		return (failure_memory(failure));
	slash = strrchr(directory, '/');
	if (slash == NULL)
		strcpy(directory, ".");
	else
		slash[slash == directory] = '\0';
	fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (i = 0; fd != -1 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
		if (errno != EWOULDBLOCK || i == LOCK_TRIES) {
			close(fd);
			fd = -1;
			break;
		}
		nanosleep(&tick, NULL);
	}
	if (fd == -1)
		failure_set(
		    failure, FAILURE_IO, "%s: %s", directory, strerror(errno));
	free(directory);
	return (fd);
}

int
counters_bump(const char *path, enum counter counter, const char *labels,
    struct failure *failure)
{
	struct counters c = {0};
	char *text = NULL;
	int fd, rc;

	fd = lock_directory(path, failure);
	if (fd == -1)
		return (-1);
	/* A damaged file is replaced: Prometheus takes a count that falls
	 * for a restart. */
	if (counters_read(&c, path, failure) == -1) {
		counters_clear(&c);
		failure_clear(failure);
	}
	rc = -1;
	if (counters_add(&c, counter, labels, 1) != 0 ||
	    (text = counters_text(&c)) == NULL)
		failure_memory(failure);
	else
		rc = counters_replace(path, text, failure);
	free(text);
	counters_clear(&c);
	close(fd);
	return (rc);
}

void
counters_clear(struct counters *c)
{
	while (c->n > 0)
		free(c->v[--c->n].labels);
	free(c->v);
	c->v = NULL;
}
