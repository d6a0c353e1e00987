/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * identity - root uses the rights of whoever can change where a path leads
 *
 * The service user owns the directories of the roster, the counters and the
 * socket, Postfix's user those of the queue. They can put a symbolic link, a
 * hard link or another directory where root expects a file. So root acts as
 * that user there: then no name leads to more than that user could reach
 * anyhow, and what is created belongs to that user, without chown(2).
 *
 * The effective user, group and groups change; root can be had back. Without
 * root nothing changes.
 *
 * Threads: the whole process changes; call these from one, while no other one
 * opens files.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/compiler.h"

struct failure;

enum identity_whose {
	IDENTITY_ROOT, /* root alone can change where the path leads */
	IDENTITY_ONE,  /* root, and one other */
	IDENTITY_MANY, /* others, nobody knows who */
};

/*
 * identity_whose(path, uid, gid):
 * Who can change where ${path} leads, which need not exist. With IDENTITY_ONE
 * also the user and the group of the directory or file that is not root's.
 */
enum identity_whose identity_whose(const char *path, uid_t *, gid_t *);

/*
 * identity_take(path, user, failure):
 * If we are root: become whoever can change where ${path} leads; if those are
 * many, become ${user}. 0, or -1 and ${failure}: then nothing has changed, and
 * the path must not be used.
 */
int identity_take(
    const char *path, const char *user, struct failure *) WARN_UNUSED;

/* identity_become(name, uid, gid, failure): become this user, with the groups
 * of ${name} unless that is NULL. 0, or -1 and ${failure}. */
int identity_become(
    const char *name, uid_t, gid_t, struct failure *) WARN_UNUSED;

/* identity_taken(): have we become somebody else? */
bool identity_taken(void);

/* identity_drop(): be who we were. Ends the program if that fails. */
void identity_drop(void);

/* identity_suspend(), identity_resume(): be who we were for a while. */
void identity_suspend(void);
void identity_resume(void);

#endif
