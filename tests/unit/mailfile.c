/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailfile - a test's mail as an unnamed file
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <check.h>

#include "unit/mailfile.h"

int
mailfile_open(const void *mail, size_t len)
{
	int fd;

	fd = memfd_create("mail", MFD_CLOEXEC);
	ck_assert_int_ne(fd, -1);
	ck_assert_int_eq(write(fd, mail, len), (ssize_t)len);
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
	return (fd);
}

void
mailfile_add(int fd, const char *text)
{
	ck_assert_int_ne(lseek(fd, 0, SEEK_END), -1);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
}

void
mailfile_add_lines(int fd, size_t n)
{
	char block[1000 * 77];
	size_t i, some;

	memset(block, 'A', sizeof(block));
	for (i = 76; i < sizeof(block); i += 77)
		block[i] = '\n';
	ck_assert_int_ne(lseek(fd, 0, SEEK_END), -1);
	for (; n > 0; n -= some) {
		some = n < 1000 ? n : 1000;
		ck_assert_int_eq(
		    write(fd, block, some * 77), (ssize_t)(some * 77));
	}
	ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
}
