/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailfile - a test's mail as an unnamed file
 */
#ifndef MAILFILE_H
#define MAILFILE_H

#include <stddef.h>

/* mailfile_open(mail, len): a descriptor at the beginning. */
int mailfile_open(const void *, size_t);

/* mailfile_add(fd, text): append ${text}. */
void mailfile_add(int, const char *);

/* mailfile_add_lines(fd, n): append ${n} lines of 57 bytes each, in base64. */
void mailfile_add_lines(int, size_t);

#endif
