/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sorter - sort more records than fit into memory
 *
 * A record follows its length, in memory as in the file.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/sorter.h"
#include "base/tempfile.h"

/* Bytes of one read. */
#define CHUNK ((size_t)1 << 16)
#define HEAD sizeof(uint32_t)

/* A sorted part of the file, and what is read of it. */
struct run {
	off_t next, end;
	char *text;
	size_t at, len, size;
};

struct sorter {
	struct failure *failure;
	char *data; /* records, one after the other */
	size_t used, max;
	uint32_t *at; /* the offset of each */
	size_t n;
	size_t next; /* to return, when there is no file */
	FILE *file;  /* NULL: all fit into memory */
	off_t written;
	struct run *runs; /* a heap: the next record is on top */
	size_t nruns;
	bool given; /* the record on top was returned */
};

static uint32_t length(const char *);
static int compare(const char *, const char *);
static int compare_at(const void *, const void *, void *);
static int io_failed(struct sorter *);
static FILE *open_file(void);
static int write_run(struct sorter *);
static int fill(struct sorter *, struct run *, size_t);
static int advance(struct sorter *, struct run *);
static void sift(struct sorter *, size_t);

static uint32_t
length(const char *record)
{
	uint32_t len;

	memcpy(&len, record, HEAD);
	return (len);
}

static int
compare(const char *a, const char *b)
{
	uint32_t x = length(a), y = length(b);
	int order;

	order = memcmp(a + HEAD, b + HEAD, x < y ? x : y);
	return (order != 0 ? order : (x > y) - (x < y));
}

static int
compare_at(const void *a, const void *b, void *data)
{
	return (compare((const char *)data + *(const uint32_t *)a,
	    (const char *)data + *(const uint32_t *)b));
}

static int
io_failed(struct sorter *s)
{
	return (failure_set(s->failure, FAILURE_IO,
	    "temporary file in $TMPDIR, or else /tmp: %s", strerror(errno)));
}

struct sorter *
sorter_new(size_t memory, struct failure *failure)
{
	struct sorter *s;

	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return (NULL);
	s->failure = failure;
	s->max = memory;
	/* All at once: the kernel gives only the pages that are used. */
	s->data = malloc(memory);
	s->at = calloc(memory / (2 * sizeof(*s->at)) + 1, sizeof(*s->at));
	if (s->data == NULL || s->at == NULL) {
		sorter_free(s);
		return (NULL);
	}
	return (s);
}

void
sorter_free(struct sorter *s)
{
	size_t i;

	if (s == NULL)
		return;
	for (i = 0; i < s->nruns; i++)
		free(s->runs[i].text);
	if (s->file != NULL)
		fclose(s->file);
	free(s->runs);
	free(s->at);
	free(s->data);
	free(s);
}

int
sorter_add(struct sorter *s, const void *record, size_t len)
{
	uint32_t head = (uint32_t)len;
	char *at;

	if (len > SORTER_RECORD_MAX || HEAD + len > s->max)
		return (failure_memory(s->failure));
	/* Bound the memory of the offsets of short records too. */
	if ((HEAD + len > s->max - s->used ||
		s->n * sizeof(*s->at) * 2 > s->max) &&
	    write_run(s) != 0)
		return (-1);
	at = s->data + s->used;
	memcpy(at, &head, HEAD);
	memcpy(at + HEAD, record, len);
	s->at[s->n++] = (uint32_t)s->used;
	s->used += HEAD + len;
	return (0);
}

static FILE *
open_file(void)
{
	FILE *file;
	int fd;

	fd = tempfile_open();
	file = fd == -1 ? NULL : fdopen(fd, "w");
	if (file == NULL && fd != -1)
		close(fd);
	return (file);
}

/* Write the records in memory to the file, sorted. */
static int
write_run(struct sorter *s)
{
	struct run *grown;
	const char *record;
	size_t i, len;

	if (s->file == NULL)
		s->file = open_file();
	if (s->file == NULL)
		return (io_failed(s));
	grown = reallocarray(s->runs, s->nruns + 1, sizeof(*s->runs));
	if (grown == NULL)
		return (failure_memory(s->failure));
	s->runs = grown;
	s->runs[s->nruns] = (struct run){.next = s->written};
	qsort_r(s->at, s->n, sizeof(*s->at), compare_at, s->data);
	for (i = 0; i < s->n; i++) {
		record = s->data + s->at[i];
		len = HEAD + length(record);
		if (fwrite(record, len, 1, s->file) != 1)
			return (io_failed(s));
		s->written += (off_t)len;
	}
	if (fflush(s->file) != 0)
		return (io_failed(s));
	s->runs[s->nruns++].end = s->written;
	s->n = s->used = 0;
	return (0);
}

/* Have the next ${want} bytes of the run in memory. */
static int
fill(struct sorter *s, struct run *r, size_t want)
{
	char *grown;
	size_t room;
	ssize_t n;

	if (r->len > r->at)
		memmove(r->text, r->text + r->at, r->len - r->at);
	r->len -= r->at;
	r->at = 0;
	if (want > r->size) {
		room = want < CHUNK ? CHUNK : want;
		grown = realloc(r->text, room);
		if (grown == NULL)
			return (failure_memory(s->failure));
		r->text = grown;
		r->size = room;
	}
	while (r->len < want) {
		room = r->size - r->len;
		if ((off_t)room > r->end - r->next)
			room = (size_t)(r->end - r->next);
		n = pread(fileno(s->file), r->text + r->len, room, r->next);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == 0)
			errno = EIO;
		if (n <= 0)
			return (io_failed(s));
		r->len += (size_t)n;
		r->next += n;
	}
	return (0);
}

/* Go to the next record: 1; 0 at the end; -1. */
static int
advance(struct sorter *s, struct run *r)
{
	if (r->len > r->at)
		r->at += HEAD + length(r->text + r->at);
	if (r->at == r->len && r->next == r->end)
		return (0);
	if (r->len - r->at < HEAD && fill(s, r, HEAD) != 0)
		return (-1);
	if (r->len - r->at < HEAD + length(r->text + r->at) &&
	    fill(s, r, HEAD + length(r->text + r->at)) != 0)
		return (-1);
	return (1);
}

/* Let the run at ${i} sink to its place in the heap. */
static void
sift(struct sorter *s, size_t i)
{
	struct run moved;
	size_t child;

	for (; (child = 2 * i + 1) < s->nruns; i = child) {
		if (child + 1 < s->nruns &&
		    compare(s->runs[child + 1].text + s->runs[child + 1].at,
			s->runs[child].text + s->runs[child].at) < 0)
			child++;
		if (compare(s->runs[i].text + s->runs[i].at,
			s->runs[child].text + s->runs[child].at) <= 0)
			return;
		moved = s->runs[i];
		s->runs[i] = s->runs[child];
		s->runs[child] = moved;
	}
}

int
sorter_begin(struct sorter *s)
{
	size_t i;

	if (s->file == NULL) {
		qsort_r(s->at, s->n, sizeof(*s->at), compare_at, s->data);
		return (0);
	}
	if (s->n > 0 && write_run(s) != 0)
		return (-1);
	free(s->data);
	free(s->at);
	s->data = NULL;
	s->at = NULL;
	for (i = 0; i < s->nruns; i++) {
		if (advance(s, &s->runs[i]) == -1)
			return (-1);
	}
	for (i = s->nruns; i > 0; i--)
		sift(s, i - 1);
	return (0);
}

int
sorter_next(struct sorter *s, const void **record, size_t *len)
{
	const char *found;
	int rc;

	if (s->file == NULL) {
		if (s->next == s->n)
			return (0);
		found = s->data + s->at[s->next++];
	} else {
		if (s->given && s->nruns > 0) {
			rc = advance(s, &s->runs[0]);
			if (rc == -1)
				return (-1);
			if (rc == 0) {
				free(s->runs[0].text);
				s->runs[0] = s->runs[--s->nruns];
			}
			sift(s, 0);
		}
		s->given = true;
		if (s->nruns == 0)
			return (0);
		found = s->runs[0].text + s->runs[0].at;
	}
	*record = found + HEAD;
	*len = length(found);
	return (1);
}
