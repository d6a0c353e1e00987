/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * identity - root uses the rights of whoever can change where a path leads
 *
 * The path is walked from the root directory. As long as each directory can be
 * changed by root alone, what lstat(2) says stays true. The first one that
 * others can write to decides, and nothing behind it is looked at: it may be
 * something else by the time that it is used.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/failure.h"
#include "lib/identity.h"

#define LINKS_MAX 40
#define GROUPS_MAX 1024

static struct {
	bool taken; /* not who we were */
	uid_t uid;
	gid_t gid;
	char *name;
	gid_t group, groups[GROUPS_MAX]; /* ours, before */
	int ngroups;
} was;

static enum identity_whose open_to(
    const struct stat *, bool *, uid_t *, gid_t *);
static int follow(char *, size_t, size_t);
static int change(void);

/* Who can change the entries of a directory? ${sticky}: many, but each only its
 * own. */
static enum identity_whose
open_to(const struct stat *st, bool *sticky, uid_t *uid, gid_t *gid)
{
	bool others = (st->st_mode & S_IWOTH) != 0 ||
	    ((st->st_mode & S_IWGRP) != 0 && st->st_gid != 0);

	*sticky = others && (st->st_mode & S_ISVTX) != 0;
	if (st->st_uid != 0) {
		*uid = st->st_uid;
		*gid = st->st_gid;
		return (others ? IDENTITY_MANY : IDENTITY_ONE);
	}
	return (others && !*sticky ? IDENTITY_MANY : IDENTITY_ROOT);
}

/* Replace the first ${len} bytes of ${path}, a symbolic link in the directory
 * of the first ${dir}, by where it leads. 0 or -1. */
static int
follow(char *path, size_t dir, size_t len)
{
	char link[PATH_MAX], target[PATH_MAX], whole[PATH_MAX];
	ssize_t n;
	int size;

	memcpy(link, path, len);
	link[len] = '\0';
	n = readlink(link, target, sizeof(target) - 1);
	if (n <= 0)
		return (-1);
	target[n] = '\0';
	size = snprintf(whole, sizeof(whole), "%.*s/%s%s",
	    *target == '/' ? 0 : (int)dir, path, target, path + len);
	if (size < 0 || (size_t)size >= sizeof(whole))
		return (-1);
	strcpy(path, whole);
	return (0);
}

enum identity_whose
identity_whose(const char *name, uid_t *uid, gid_t *gid)
{
	char path[PATH_MAX], part[PATH_MAX];
	enum identity_whose whose;
	bool sticky = false;
	size_t dir = 0, len;
	struct stat st;
	int links = 0;

	if (*name != '/' &&
	    (getcwd(path, sizeof(path)) == NULL ||
		strlen(path) + strlen(name) + 2 > sizeof(path)))
		return (IDENTITY_MANY);
	if (*name == '/' && strlen(name) >= sizeof(path))
		return (IDENTITY_MANY);
	strcpy(*name == '/' ? path : stpcpy(path + strlen(path), "/"), name);
	for (;;) {
		len = dir + strspn(path + dir, "/");
		if (path[len] == '\0')
			return (IDENTITY_ROOT);
		len += strcspn(path + len, "/");
		memcpy(part, path, len);
		part[len] = '\0';
		if (lstat(part, &st) != 0)
			return (sticky ? IDENTITY_MANY : IDENTITY_ROOT);
		if (sticky && st.st_uid != 0) {
			*uid = st.st_uid;
			*gid = st.st_gid;
			return (IDENTITY_ONE);
		}
		if (S_ISLNK(st.st_mode)) {
			if (++links > LINKS_MAX || follow(path, dir, len) != 0)
				return (IDENTITY_MANY);
			dir = 0;
			sticky = false;
			continue;
		}
		if (!S_ISDIR(st.st_mode))
			return (IDENTITY_ROOT);
		whose = open_to(&st, &sticky, uid, gid);
		if (whose != IDENTITY_ROOT)
			return (whose);
		dir = len;
	}
}

/* Become was.uid and was.gid. 0 or -1; then part may be changed. */
static int
change(void)
{
	int rc;

	rc = was.name == NULL ? setgroups(1, &was.gid)
			      : initgroups(was.name, was.gid);
	return (
	    rc != 0 || setegid(was.gid) != 0 || seteuid(was.uid) != 0 ? -1 : 0);
}

int
identity_become(const char *name, uid_t uid, gid_t gid, struct failure *failure)
{
	was.uid = uid;
	was.gid = gid;
	was.group = getegid();
	was.ngroups = getgroups(GROUPS_MAX, was.groups);
	was.name = name == NULL ? NULL : strdup(name);
	if (was.ngroups == -1 || (name != NULL && was.name == NULL))
		return (failure_set(failure, FAILURE_IO, "groups of root: %s",
		    strerror(errno)));
	was.taken = true;
	if (change() == 0)
		return (0);
	failure_set(failure, FAILURE_IO, "cannot become user %ld: %s",
	    (long)uid, strerror(errno));
	identity_drop();
	return (-1);
}

int
identity_take(const char *path, const char *user, struct failure *failure)
{
	const struct passwd *pw = NULL;
	uid_t uid = 0;
	gid_t gid = 0;

	if (geteuid() != 0 || was.taken)
		return (0);
	switch (identity_whose(path, &uid, &gid)) {
	case IDENTITY_ROOT:
		return (0);
	case IDENTITY_ONE:
		pw = getpwuid(uid);
		break;
	case IDENTITY_MANY:
		pw = user == NULL || *user == '\0' ? NULL : getpwnam(user);
		if (pw == NULL)
			return (failure_set(failure, FAILURE_DENIED,
			    "%s: others than root can write to its directory; "
			    "expected one of root's or of the service user's",
			    path));
		break;
	}
	if (pw == NULL)
		return (identity_become(NULL, uid, gid, failure));
	return (identity_become(pw->pw_name, pw->pw_uid, pw->pw_gid, failure));
}

bool
identity_taken(void)
{
	return (was.taken);
}

void
identity_suspend(void)
{
	if (!was.taken)
		return;
	if (seteuid(0) != 0 || setegid(was.group) != 0 ||
	    setgroups((size_t)was.ngroups, was.groups) != 0) {
		fprintf(
		    stderr, "cannot become root again: %s\n", strerror(errno));
		_exit(EX_OSERR);
	}
}

void
identity_resume(void)
{
	if (was.taken && change() != 0) {
		fprintf(stderr, "cannot become user %ld again: %s\n",
		    (long)was.uid, strerror(errno));
		_exit(EX_OSERR);
	}
}

void
identity_drop(void)
{
	identity_suspend();
	was.taken = false;
	free(was.name);
	was.name = NULL;
}
