/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records - can postcat(1) be believed about a queue file?
 *
 * A record is a type, the length of its data in groups of seven bits with the
 * lowest first, and the data. A pointer has the offset of the next record; with
 * 0 the next record follows it. A sound file is read once, so no more bytes are
 * read than it has: that ends a loop of pointers.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notifyctl/postfix/records.h"

#define TYPE_POINTER 'p'
#define TYPE_END 'E'

static off_t length(FILE *);
static bool is_line(FILE *, off_t);
static int follow(FILE *, off_t);
static int each(FILE *, off_t);

/* The length of a record's data, or -1. */
static off_t
length(FILE *in)
{
	off_t len = 0;
	int c, shift;

	for (shift = 0; shift < 28; shift += 7) {
		c = getc_unlocked(in);
		if (c == EOF)
			return (-1);
		len |= (off_t)(c & 0x7f) << shift;
		if ((c & 0x80) == 0)
			return (len);
	}
	return (-1);
}

/* Pass over the data. Is there no line break in it? */
static bool
is_line(FILE *in, off_t len)
{
	bool line = true;

	for (; len > 0; len--)
		line &= getc_unlocked(in) != '\n';
	return (line);
}

/* Go where a pointer leads: 0 or -1. */
static int
follow(FILE *in, off_t len)
{
	char text[32];
	long long offset;

	if ((size_t)len >= sizeof(text) ||
	    fread(text, 1, (size_t)len, in) != (size_t)len)
		return (-1);
	text[len] = '\0';
	offset = strtoll(text, NULL, 10);
	return (offset == 0 ? 0 : fseeko(in, (off_t)offset, SEEK_SET));
}

/* ${rest}: bytes that may still be read. */
static int
each(FILE *in, off_t rest)
{
	off_t len;
	int type;

	while ((type = getc_unlocked(in)) != EOF && type != TYPE_END) {
		len = length(in);
		rest -= len + 2;
		if (len == -1 || rest < 0)
			return (-1);
		if (type == TYPE_POINTER) {
			if (follow(in, len) != 0)
				return (-1);
		} else if (!is_line(in, len)) {
			return (0);
		}
	}
	return (type == TYPE_END ? 1 : -1);
}

int
records_are_lines(int fd)
{
	struct stat st;
	FILE *in;
	int copy, rc;

	copy = dup(fd);
	in = copy == -1 ? NULL : fdopen(copy, "r");
	if (in == NULL) {
		if (copy != -1)
			close(copy);
		return (-1);
	}
	rewind(in);
	rc = fstat(fd, &st) == 0 ? each(in, st.st_size) : -1;
	fclose(in);
	return (rc);
}
