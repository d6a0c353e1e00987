/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * spool - a pipe's content in a temporary file, to be read more than once
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/failure.h"
#include "base/tempfile.h"
#include "telegram/spool.h"

static int cannot_store(struct failure *);
static int copy(int, int, struct failure *);

static int
cannot_store(struct failure *failure)
{
	return (failure_set(failure, FAILURE_IO,
	    "cannot store the message in a temporary file: %s",
	    strerror(errno)));
}

static int
copy(int from, int to, struct failure *failure)
{
	char buf[65536];
	int64_t room = SPOOL_MAX;
	ssize_t n, done, put;

	while ((n = read(from, buf, sizeof(buf))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return (failure_set(failure, FAILURE_IO,
			    "the message cannot be read: %s", strerror(errno)));
		if (n > room)
			n = (ssize_t)room;
		room -= n;
		for (done = 0; done < n; done += put) {
			put = write(to, buf + done, (size_t)(n - done));
			if (put == -1 && errno == EINTR)
				put = 0;
			if (put == -1)
				return (cannot_store(failure));
		}
	}
	return (0);
}

int
spool(int fd, struct failure *failure)
{
	int file;

	file = tempfile_open();
	if (file == -1)
		return (cannot_store(failure));
	if (copy(fd, file, failure) != 0) {
		close(file);
		return (-1);
	}
	if (lseek(file, 0, SEEK_SET) != 0) {
		close(file);
		return (cannot_store(failure));
	}
	return (file);
}
