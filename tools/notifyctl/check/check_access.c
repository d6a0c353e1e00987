/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_access - may another user use a file?
 *
 * A child process becomes that user and asks the kernel: ACLs, capabilities and
 * read-only mounts count as well as the mode.
 */
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notifyctl/check/check.h"

#define CANNOT_TELL 255
#define COMPONENTS_MAX 200

static int first_denied(const char *, int);
static bool become(const struct passwd *);
static bool is_ours(const char *, const char *);

/* The first component of ${path} that denies access, counted from 1; or 0. */
static int
first_denied(const char *path, int mode)
{
	char part[4096];
	size_t len;
	int n;

	for (len = 0, n = 1; n < COMPONENTS_MAX; n++) {
		len += strspn(path + len, "/");
		len += strcspn(path + len, "/");
		if (len >= sizeof(part))
			return (n);
		memcpy(part, path, len);
		part[len] = '\0';
		if (path[len] == '\0')
			return (access(part, mode) == 0 ? 0 : n);
		if (access(part, X_OK) != 0)
			return (n);
	}
	return (CANNOT_TELL);
}

static bool
become(const struct passwd *pw)
{
	if (geteuid() == pw->pw_uid)
		return (true);
	/* The daemons get their groups from initgroups(3) too. */
	return (geteuid() == 0 && initgroups(pw->pw_name, pw->pw_gid) == 0 &&
	    setgid(pw->pw_gid) == 0 && setuid(pw->pw_uid) == 0);
}

int
check_access(const struct passwd *pw, const char *path, int mode)
{
	size_t len;
	pid_t pid;
	int n, status;

	pid = fork();
	if (pid == -1)
		return (-1);
	if (pid == 0)
		_exit(become(pw) ? first_denied(path, mode) : CANNOT_TELL);
	while (waitpid(pid, &status, 0) == -1) {
		if (errno != EINTR)
			return (-1);
	}
	if (!WIFEXITED(status) || WEXITSTATUS(status) == CANNOT_TELL)
		return (-1);
	len = 0;
	for (n = WEXITSTATUS(status); n > 0; n--) {
		len += strspn(path + len, "/");
		len += strcspn(path + len, "/");
	}
	return ((int)len);
}

const char *
check_search(struct check *c, const char *path, int len)
{
	return (check_text(c, "chmod o+x %s",
	    check_quote(c, check_text(c, "%.*s", len, path))));
}

/* Does the file ${name} belong to ${file}, as roster.db-wal does to roster.db,
 * or to one of our daemons? Settings do not: they are root's. */
static bool
is_ours(const char *name, const char *file)
{
	const char *end = strrchr(name, '.');

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	    strcmp(name, "lost+found") == 0)
		return (true);
	if (end != NULL && strcmp(end, ".conf") == 0)
		return (false);
	return (strncmp(name, "notify-", 7) == 0 ||
	    strncmp(name, file, strcspn(file, ".")) == 0);
}

bool
check_shared(struct check *c, const char *path)
{
	const char *directory = check_directory(c, path);
	const char *file = strrchr(path, '/') + 1;
	const struct dirent *e;
	struct stat st;
	bool shared;
	DIR *d;

	if (strncmp(directory, "/etc/", 5) != 0 &&
	    strcmp(strrchr(directory, '/'), "/notify-milter") == 0)
		return (false);
	d = opendir(directory);
	shared = d == NULL || fstat(dirfd(d), &st) != 0 ||
	    (st.st_mode & S_ISVTX) != 0;
	while (!shared && (e = readdir(d)) != NULL)
		shared = !is_ours(e->d_name, file);
	if (d != NULL)
		closedir(d);
	return (shared);
}
