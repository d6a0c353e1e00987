/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * holdqueue - the messages in Postfix's hold queue
 *
 * The output of both commands goes to unnamed files: a queue may hold 100,000
 * messages, and one of them 10,000 recipients.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/arena.h"
#include "base/failure.h"
#include "base/regular.h"
#include "base/tempfile.h"
#include "lib/child.h"
#include "notifyctl/postfix/holdqueue.h"
#include "notifyctl/postfix/postconf.h"
#include "notifyctl/postfix/records.h"
#include "notifyctl/postfix/text.h"

/* Postfix has no limit; a queue id has fewer characters. */
#define LEVELS_MAX 32
/* The queue directory, with room for the levels and the queue id behind it. */
#define QUEUE_MAX (PATH_MAX - 256)
/* Messages that one postcat(1) reads. */
#define BATCH 200
#define TOOL_SECONDS 600
#define ENVELOPE "*** ENVELOPE RECORDS "

struct batch {
	const struct postconf *mta;
	holdqueue_fn *fn;
	void *ctx;
	struct failure *failure;
	size_t n;
	struct {
		char id[TEXT_QUEUEID_MAX + 1];
		int64_t arrived;
		bool seen;
	} v[BATCH];
};

static bool is_empty(const struct postconf *);
static int cannot_look(const char *, int);
static int first_match(char[PATH_MAX], int);
static bool write_literal(char[QUEUE_MAX], const char *);
static FILE *run(
    const struct postconf *, const char *const *, struct failure *);
static int next_held(FILE *, char **, size_t *, char *, int64_t *);
static int sift(struct batch *, size_t);
static int give(struct batch *, const char *, char *);
static int take(struct batch *, FILE *);
static int read_batch(struct batch *);

/* The output of a command, from its beginning; NULL and ${failure}. */
static FILE *
run(const struct postconf *mta, const char *const *argv,
    struct failure *failure)
{
	struct child c = CHILD_INIT(argv);
	struct child_result r;
	FILE *out = NULL;

	c.seconds = TOOL_SECONDS;
	c.output = tempfile_open();
	if (c.output == -1) {
		failure_set(failure, FAILURE_IO, "a temporary file: %s",
		    strerror(errno));
		return (NULL);
	}
	if (child_run(mta->arena, &c, &r, failure) == 0) {
		/* postcat(1) stops at one that has left. */
		if (r.status != 0 &&
		    strstr(r.message, strerror(ENOENT)) == NULL)
			failure_set(
			    failure, FAILURE_IO, "%s: %s", argv[0], r.message);
		else if (lseek(c.output, 0, SEEK_SET) == 0)
			out = fdopen(c.output, "re");
	}
	if (out == NULL)
		close(c.output);
	return (out);
}

/* The next line of postqueue -j that is about a message on hold. 1 or 0. */
static int
next_held(FILE *in, char **line, size_t *size, char *id, int64_t *arrived)
{
	const char *queue, *name;
	json_int_t at;
	json_t *one;
	bool held;

	while (getline(line, size, in) > 0) {
		/* Most of a long queue is not on hold. */
		if (strstr(*line, "\"hold\"") == NULL)
			continue;
		one = json_loads(*line, 0, NULL);
		held = one != NULL &&
		    json_unpack(one, "{s:s, s:s, s:I}", "queue_name", &queue,
			"queue_id", &name, "arrival_time", &at) == 0 &&
		    strcmp(queue, "hold") == 0 &&
		    strlen(name) <= TEXT_QUEUEID_MAX &&
		    text_queueid(name) == strlen(name);
		if (held) {
			strcpy(id, name);
			*arrived = at;
		}
		json_decref(one);
		if (held)
			return (1);
	}
	return (0);
}

/* Leave in the batch, from ${first} on, only what is still on hold and has a
 * text that can be believed. Give the messages of which only the first holds,
 * without their text. postcat(1) takes a second to find none, and prints one
 * that was released. */
static int
sift(struct batch *b, size_t first)
{
	struct holdqueue_message m = {.text = NULL};
	char path[PATH_MAX];
	size_t i, n = 0;
	int fd, found, rc = 0;
	bool bad;

	for (i = first; rc == 0 && i < b->n; i++) {
		found = holdqueue_file(b->mta, b->v[i].id, path);
		fd = found == 1 ? regular_open(path, O_RDONLY | O_NOFOLLOW, 0)
				: -1;
		if (found == 0 || (found == 1 && fd == -1 && errno == ENOENT))
			continue;
		bad = fd != -1 && records_are_lines(fd) != 1;
		if (fd != -1)
			close(fd);
		if (bad) {
			m.id = b->v[i].id;
			m.arrived = b->v[i].arrived;
			rc = b->fn(b->ctx, &m, b->failure);
		} else {
			b->v[n++] = b->v[i];
		}
	}
	b->n = n;
	return (rc);
}

/* ${text} is of the message ${place} is the queue file of. */
static int
give(struct batch *b, const char *place, char *text)
{
	struct holdqueue_message m = {.text = text};
	const char *name = strrchr(place, '/');
	size_t i;

	name = name == NULL ? place : name + 1;
	for (i = 0; i < b->n; i++) {
		if (strcmp(b->v[i].id, name) == 0) {
			m.id = b->v[i].id;
			m.arrived = b->v[i].arrived;
			b->v[i].seen = true;
			return (b->fn(b->ctx, &m, b->failure));
		}
	}
	return (0);
}

/* Call the function for each message in ${in}. */
static int
take(struct batch *b, FILE *in)
{
	char *line = NULL, *text = NULL, *place = NULL;
	size_t size = 0, len = 0;
	FILE *out = NULL;
	const char *begin;
	ssize_t n;
	int rc = 0;

	while (rc == 0 && (n = getline(&line, &size, in)) > 0) {
		begin = text_after(line, ENVELOPE);
		if (begin != NULL) {
			if (out != NULL && fclose(out) == 0)
				rc = give(b, place, text);
			free(text);
			free(place);
			text = NULL;
			place = strndup(begin, strcspn(begin, " \n"));
			out = open_memstream(&text, &len);
			if (place == NULL || out == NULL)
				rc = failure_memory(b->failure);
		}
		if (out != NULL)
			fwrite(line, 1, (size_t)n, out);
	}
	if (out != NULL && fclose(out) == 0 && rc == 0)
		rc = give(b, place, text);
	free(text);
	free(place);
	free(line);
	return (rc);
}

/* Have postcat(1) read the messages that were gathered. It stops at one that
 * has left the queue meanwhile: go on behind that one. */
static int
read_batch(struct batch *b)
{
	const char *argv[BATCH + 3] = {
	    postconf_tool(b->mta, "postcat"), "-ehq"};
	size_t first = 0, i;
	FILE *in;
	int rc;

	while ((rc = sift(b, first)) == 0 && b->n > 0) {
		for (i = 0; i < b->n; i++)
			argv[i + 2] = b->v[i].id;
		argv[b->n + 2] = NULL;
		in = run(b->mta, argv, b->failure);
		if (in == NULL)
			return (-1);
		rc = take(b, in);
		fclose(in);
		if (rc != 0)
			break;
		for (first = 0; first < b->n && b->v[first].seen; first++)
			;
		first++;
	}
	memset(b->v, 0, sizeof(b->v));
	b->n = 0;
	return (rc);
}

/* Is the directory not there, or nothing in it? postqueue(1) waits for
 * a second if Postfix is not running. */
static bool
is_empty(const struct postconf *mta)
{
	struct dirent *entry;
	bool empty = true;
	DIR *dir;

	dir = opendir(arena_printf(
	    mta->arena, "%s/hold", postconf_value(mta, "queue_directory")));
	if (dir == NULL)
		return (errno == ENOENT);
	while (empty && (entry = readdir(dir)) != NULL)
		empty = entry->d_name[0] == '.';
	closedir(dir);
	return (empty);
}

/* A directory that is not there any more has no match. */
static int
cannot_look(const char *path, int error)
{
	(void)path;
	return (error != ENOENT && error != ENOTDIR);
}

/* Write the first path that matches the pattern ${path} there. 1, 0 if there is
 * none, or -1. */
static int
first_match(char path[PATH_MAX], int flags)
{
	glob_t names;
	int rc;

	rc = glob(path, flags | GLOB_NOSORT, cannot_look, &names);
	if (rc == GLOB_NOMATCH)
		return (0);
	if (rc != 0)
		return (-1);
	snprintf(path, PATH_MAX, "%s", names.gl_pathv[0]);
	globfree(&names);
	return (1);
}

/* Write ${path} as a pattern that matches it alone. False: it is too long. */
static bool
write_literal(char out[QUEUE_MAX], const char *path)
{
	size_t n = 0;

	for (; *path != '\0' && n + 2 < QUEUE_MAX; path++) {
		if (strchr("*?[\\", *path) != NULL)
			out[n++] = '\\';
		out[n++] = *path;
	}
	out[n] = '\0';
	return (*path == '\0');
}

int
holdqueue_file(const struct postconf *mta, const char *id, char path[PATH_MAX])
{
	/* hash_queue_names and hash_queue_depth make levels of directories. */
	char below[2 * LEVELS_MAX + 1] = "";
	char queue[QUEUE_MAX];
	size_t i;
	int rc;

	if (!write_literal(queue, postconf_value(mta, "queue_directory")))
		return (-1);
	for (i = 0; i < LEVELS_MAX; i++) {
		snprintf(path, PATH_MAX, "%s/hold/%s%s", queue, below, id);
		rc = first_match(path, 0);
		if (rc != 0)
			return (rc);
		strcat(below, "?/");
		snprintf(path, PATH_MAX, "%s/hold/%s", queue, below);
		rc = first_match(path, GLOB_ONLYDIR);
		if (rc != 1)
			return (rc);
	}
	return (0);
}

int
holdqueue_each(const struct postconf *mta, holdqueue_fn *fn, void *ctx,
    struct failure *failure)
{
	const char *argv[] = {postconf_tool(mta, "postqueue"), "-j", NULL};
	struct batch *b;
	char *line = NULL;
	size_t size = 0;
	FILE *in;
	int rc = -1;

	if (is_empty(mta))
		return (0);
	b = calloc(1, sizeof(*b));
	if (b == NULL)
		return (failure_memory(failure));
	b->mta = mta;
	b->fn = fn;
	b->ctx = ctx;
	b->failure = failure;
	in = run(mta, argv, failure);
	if (in != NULL) {
		rc = 0;
		while (rc == 0 &&
		    next_held(in, &line, &size, b->v[b->n].id,
			&b->v[b->n].arrived) == 1) {
			if (++b->n == BATCH)
				rc = read_batch(b);
		}
		if (rc == 0)
			rc = read_batch(b);
		fclose(in);
	}
	free(line);
	free(b);
	return (rc);
}

int
holdqueue_count(const struct postconf *mta, int64_t *n, int64_t *oldest,
    struct failure *failure)
{
	const char *argv[] = {postconf_tool(mta, "postqueue"), "-j", NULL};
	char id[TEXT_QUEUEID_MAX + 1], *line = NULL;
	int64_t arrived;
	size_t size = 0;
	FILE *in;

	*n = *oldest = 0;
	if (is_empty(mta))
		return (0);
	in = run(mta, argv, failure);
	if (in == NULL)
		return (-1);
	while (next_held(in, &line, &size, id, &arrived) == 1) {
		if ((*n)++ == 0 || arrived < *oldest)
			*oldest = arrived;
	}
	free(line);
	fclose(in);
	return (0);
}
