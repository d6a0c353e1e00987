/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * regular - open a file that must be a regular one
 *
 * The descriptor is judged, not the name, which may lead elsewhere by then.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/regular.h"

int
regular_open(const char *path, int flags, mode_t mode)
{
	struct stat st;
	int fd;

	/* O_NONBLOCK means nothing to a regular file, which may be large. */
	fd = open64(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);
	/* Nobody reads the FIFO, or it is a socket. */
	if (fd == -1 && errno == ENXIO)
		errno = EMEDIUMTYPE;
	if (fd == -1)
		return (-1);
	if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return (fd);
	close(fd);
	errno = EMEDIUMTYPE;
	return (-1);
}

FILE *
regular_stream(const char *path)
{
	FILE *stream;
	int fd;

	fd = regular_open(path, O_RDONLY, 0);
	if (fd == -1)
		return (NULL);
	stream = fdopen(fd, "re");
	if (stream == NULL)
		close(fd);
	return (stream);
}
