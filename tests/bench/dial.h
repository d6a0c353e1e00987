/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dial - connect to where a milter listens
 */
#ifndef DIAL_H
#define DIAL_H

/* dial(where): connect to unix:PATH or inet:PORT@HOST. A non-blocking
 * descriptor, or -1 and errno; EINVAL if ${where} is neither. */
int dial(const char *where);

#endif
