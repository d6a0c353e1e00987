/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailfile - a mail of a test as a file without a name
 */
#ifndef MAILFILE_H
#define MAILFILE_H

#include <stddef.h>

/* mailfile_open(mail, len): a descriptor at its beginning. */
int mailfile_open(const void *, size_t);

/* mailfile_add(fd, text): write ${text} behind what is there. */
void mailfile_add(int, const char *);

/* mailfile_add_lines(fd, n): ${n} lines of 57 octets each, in base64. */
void mailfile_add_lines(int, size_t);

#endif
