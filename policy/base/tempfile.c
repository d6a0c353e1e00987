/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tempfile - an unnamed temporary file
 *
 * mkostemp(3), since not every file system supports O_TMPFILE.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/tempfile.h"

int
tempfile_open(void)
{
	const char *dir;
	char *path;
	int fd;

	dir = getenv("TMPDIR");
	if (dir == NULL || *dir != '/')
		dir = "/tmp";
	if (asprintf(&path, "%s/notify-milter.XXXXXX", dir) < 0)
		return (-1);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd != -1)
		unlink(path);
	free(path);
	return (fd);
}
