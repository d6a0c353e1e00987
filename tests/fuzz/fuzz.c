/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz - what the fuzz targets share
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz/fuzz.h"

static char folder[64];

static void remove_folder(void);

char *
fuzz_string(const uint8_t *data, size_t size)
{
	char *copy;

	size = strnlen((const char *)data, size);
	copy = malloc(size + 1);
	MUST(copy != NULL, "out of memory");
	memcpy(copy, data, size);
	copy[size] = '\0';
	return (copy);
}

char *
fuzz_line(char **text)
{
	char *line, *end;

	line = *text;
	if (*line == '\0')
		return (NULL);
	end = line + strcspn(line, "\n");
	*text = *end == '\0' ? end : end + 1;
	*end = '\0';
	return (line);
}

int
fuzz_file(const void *data, size_t size)
{
	int fd;

	fd = memfd_create("fuzz", MFD_CLOEXEC);
	MUST(fd != -1, "no file");
	MUST(write(fd, data, size) == (ssize_t)size, "cannot write");
	MUST(lseek(fd, 0, SEEK_SET) == 0, "cannot rewind");
	return (fd);
}

void
fuzz_file_name(int fd, char name[FUZZ_NAME_SIZE])
{
	snprintf(name, FUZZ_NAME_SIZE, "/proc/self/fd/%d", fd);
}

static void
remove_folder(void)
{
	struct dirent *entry;
	char path[sizeof(folder) + sizeof(entry->d_name) + 1];
	DIR *dir;

	dir = opendir(folder);
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(path);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(folder);
}

const char *
fuzz_folder(void)
{
	snprintf(folder, sizeof(folder), "%s/nm-fuzz-XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	MUST(mkdtemp(folder) != NULL, "no directory");
	atexit(remove_folder);
	return (folder);
}
