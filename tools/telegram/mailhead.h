/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mailhead - what the headers of a mirrored mail say: its tag, and its age
 *
 * Threads: any. Strings are cut from the arena.
 */
#ifndef MAILHEAD_H
#define MAILHEAD_H

#include <stdint.h>

#include "base/compiler.h"
#include "decision/message.h"

struct arena;
struct failure;

struct mailhead {
	struct message message; /* its X-Notify headers, for tag_read() */
	int64_t arrived; /* Unix seconds: the newest Received, else Date; 0 if
			    neither can be read */
};

/* mailhead_read(fd, a, head, failure): read the headers, and rewind. 0, or -1
 * and ${failure}, for a read error or out of memory. */
int mailhead_read(
    int fd, struct arena *, struct mailhead *, struct failure *) WARN_UNUSED;

#endif
