/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * records - can postcat(1) be believed about a queue file?
 *
 * It prints one record of the envelope a line, and a line break in a record as
 * it is: what follows reads as a record of its own. A client may put one into
 * ORCPT ("+0A", RFC 3461, 4), and so claim another address, or recipients that
 * it could not give. No honest message has one.
 *
 * Threads: any.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include "base/compiler.h"

/*
 * records_are_lines(fd):
 * Has no record of the queue file that ${fd} is open on a line break? 1, 0, or
 * -1: it is damaged, or cannot be read. The offset of ${fd} moves.
 */
int records_are_lines(int fd) WARN_UNUSED;

#endif
