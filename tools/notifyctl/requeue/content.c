/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * content - the header of a message that is to be submitted again
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "decision/message.h"
#include "notifyctl/requeue/content.h"

/* Longer lines are read in pieces. */
#define LINE_MAX_SIZE 4096

static size_t name_length(const char *, size_t);
static size_t strip(char *, size_t, const char *, bool);

/* The length of the name that begins the line, 0 if it is no header. A blank
 * before the colon does not count (RFC 5322, 4.5). */
static size_t
name_length(const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t n = colon == NULL ? 0 : (size_t)(colon - line);

	while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t'))
		n--;
	return (n);
}

/* Strip ${text}, of ${size} bytes. Its new size. */
static size_t
strip(char *text, size_t size, const char *name, bool whole)
{
	char *line, *next, *out = text, *end = text + size;
	size_t len, want = strlen(name);
	bool drop = false;

	for (line = text; line < end; line = next) {
		next = memchr(line, '\n', (size_t)(end - line));
		next = next == NULL ? end : next + 1;
		if (*line != ' ' && *line != '\t') {
			len = name_length(line, (size_t)(next - line));
			if (len == 0)
				break;
			drop = (whole ? len == want : len >= want) &&
			    strncasecmp(line, name, want) == 0;
		}
		if (drop)
			continue;
		memmove(out, line, (size_t)(next - line));
		out += next - line;
	}
	memmove(out, line, (size_t)(end - line));
	return ((size_t)(out - text) + (size_t)(end - line));
}

int
content_strip(int fd, const char *name, bool whole)
{
	struct stat st;
	size_t size;
	char *text;

	if (fstat(fd, &st) != 0)
		return (-1);
	size = (size_t)st.st_size;
	if (size == 0)
		return (0);
	text = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (text == MAP_FAILED)
		return (-1);
	size = strip(text, size, name, whole);
	munmap(text, (size_t)st.st_size);
	return (ftruncate(fd, (off_t)size));
}

int
content_read(struct arena *a, int fd, const char **tag, const char **id)
{
	char text[LINE_MAX_SIZE], *value;
	bool begins = true;
	size_t len;
	FILE *in;

	fd = dup(fd);
	in = fd == -1 ? NULL : fdopen(fd, "r");
	if (in == NULL) {
		if (fd != -1)
			close(fd);
		return (-1);
	}
	rewind(in);
	*tag = NULL;
	*id = "";
	while (fgets(text, sizeof(text), in) != NULL && *text != '\n') {
		len = begins ? name_length(text, strlen(text)) : 0;
		if (begins && *text != ' ' && *text != '\t' && len == 0)
			break;
		value = strchr(text, ':');
		if (len == strlen(TAG_HEADER) &&
		    strncasecmp(text, TAG_HEADER, len) == 0)
			*tag = arena_strndup(a, text, strcspn(text, "\n"));
		if (len == strlen(MESSAGE_ID_HEADER) &&
		    strncasecmp(text, MESSAGE_ID_HEADER, len) == 0) {
			value += 1 + strspn(value + 1, " \t");
			*id = arena_strndup(a, value, strcspn(value, " \n"));
		}
		begins = strchr(text, '\n') != NULL;
	}
	fclose(in);
	return (0);
}
