/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sendmail - is the MTA of this machine Sendmail?
 *
 * Each MTA has a program of this name. Running it to see which it is could send
 * mail or wait for input. Sendmail's names its submit.cf, and no other does.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notifyctl/postfix/sendmail.h"

bool
sendmail_is(const char *path)
{
	static const char name[] = "submit.cf", elf[] = "\177ELF";
	struct stat st;
	void *p = MAP_FAILED;
	bool found = false;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1)
		return (false);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 4)
		p = mmap(
		    NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p != MAP_FAILED) {
		found = memcmp(p, elf, 4) == 0 &&
		    memmem(p, (size_t)st.st_size, name, sizeof(name)) != NULL;
		munmap(p, (size_t)st.st_size);
	}
	close(fd);
	return (found);
}
