/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dial - connect to where a milter listens
 */
#ifndef DIAL_H
#define DIAL_H

/* ${where}: unix:PATH or inet:PORT@HOST. A descriptor that does not block, or
 * -1 with errno; EINVAL if ${where} is neither. */
int dial(const char *where);

#endif
