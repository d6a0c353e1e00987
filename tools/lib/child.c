/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * child - run a program and read its output
 *
 * Both outputs are read as they come, so that the program never blocks on them.
 * A process that it leaves in the background may keep them open: the time limit
 * holds for that too.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/failure.h"
#include "lib/child.h"

/* More of its standard error is read, but not kept. */
#define MESSAGE_MAX ((size_t)16 << 10)

extern char **environ;

/* One of its outputs. */
struct stream {
	int fd; /* to read from; -1: at its end, or not read */
	char *text;
	size_t len, cap, max;
};

static int start(const struct child *, const int *, pid_t *);
static int spawn(pid_t *, const posix_spawn_file_actions_t *,
    const posix_spawnattr_t *, char **);
static int set_apart(posix_spawnattr_t *);
static int open_stream(const struct child *, struct stream *, int *);
static void close_ends(const struct child *, int *);
static int take(struct stream *, const char *, size_t, bool);
static void close_stream(struct stream *);
static int read_all(struct stream *, int64_t);
static int wait_for(pid_t, int64_t, int *);
static int judge(const struct child *, int, int, struct failure *);
static const char *last_line(struct arena *, const struct stream *);
static int give(struct arena *, const struct stream *, int,
    struct child_result *, struct failure *);

static int
spawn(pid_t *pid, const posix_spawn_file_actions_t *actions,
    const posix_spawnattr_t *attributes, char **argv)
{
	char path[256] = "/usr/sbin/";
	int rc;

	rc = posix_spawnp(pid, argv[0], actions, attributes, argv, environ);
	if ((rc != ENOENT && rc != EACCES) || strchr(argv[0], '/') != NULL ||
	    strlen(path) + strlen(argv[0]) >= sizeof(path))
		return (rc);
	strcat(path, argv[0]);
	return (posix_spawn(pid, path, actions, attributes, argv, environ));
}

/* A process group of its own, and no signal that the caller holds back. */
static int
set_apart(posix_spawnattr_t *attributes)
{
	sigset_t none;
	int rc;

	sigemptyset(&none);
	rc = posix_spawnattr_setsigmask(attributes, &none);
	if (rc == 0)
		rc = posix_spawnattr_setpgroup(attributes, 0);
	if (rc == 0)
		rc = posix_spawnattr_setflags(
		    attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	return (rc);
}

/* ${ends}: where its standard output and standard error go. */
static int
start(const struct child *c, const int *ends, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int rc;

	rc = posix_spawnattr_init(&attributes);
	if (rc != 0)
		return (rc);
	rc = posix_spawn_file_actions_init(&actions);
	if (rc != 0) {
		posix_spawnattr_destroy(&attributes);
		return (rc);
	}
	if (c->apart)
		rc = set_apart(&attributes);
	if (rc == 0 && c->input == -1)
		rc = posix_spawn_file_actions_addopen(
		    &actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	else if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(
		    &actions, c->input, STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(
		    &actions, ends[0], STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(
		    &actions, ends[1], STDERR_FILENO);
	if (rc == 0)
		rc = spawn(
		    pid, &actions, &attributes, (char **)(uintptr_t)c->argv);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return (rc);
}

static int
open_stream(const struct child *c, struct stream *s, int *end)
{
	int fds[2];

	if (c->quiet) {
		*end = open("/dev/null", O_WRONLY | O_CLOEXEC);
		return (*end == -1 ? -1 : 0);
	}
	if (pipe2(fds, O_CLOEXEC) != 0)
		return (-1);
	s->fd = fds[0];
	*end = fds[1];
	return (0);
}

/* Close the ends that the program writes to, unless they are the caller's. */
static void
close_ends(const struct child *c, int *ends)
{
	if (ends[0] != -1 && c->output == -1)
		close(ends[0]);
	if (ends[1] != -1)
		close(ends[1]);
	ends[0] = ends[1] = -1;
}

/* Append; what does not fit is an error, or ${cut}. 0, or an errno. */
static int
take(struct stream *s, const char *data, size_t len, bool cut)
{
	char *text;
	size_t cap;

	if (len > s->max - s->len) {
		if (!cut)
			return (EFBIG);
		len = s->max - s->len;
	}
	if (s->len + len + 1 > s->cap) {
		cap = 2 * (s->len + len + 1);
		text = realloc(s->text, cap);
		if (text == NULL)
			return (ENOMEM);
		s->text = text;
		s->cap = cap;
	}
	memcpy(s->text + s->len, data, len);
	s->len += len;
	s->text[s->len] = '\0';
	return (0);
}

static void
close_stream(struct stream *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
}

/* Read both to their ends. 0, or an errno: ETIMEDOUT, EFBIG, ENOMEM. */
static int
read_all(struct stream *s, int64_t deadline)
{
	struct pollfd p[2];
	char buf[16384];
	int64_t left;
	ssize_t n;
	int error, i;

	while (s[0].fd != -1 || s[1].fd != -1) {
		left = deadline - clock_ms();
		if (left <= 0)
			return (ETIMEDOUT);
		for (i = 0; i < 2; i++) {
			p[i].fd = s[i].fd;
			p[i].events = POLLIN;
			p[i].revents = 0;
		}
		if (poll(p, 2, (int)left) == -1 && errno != EINTR)
			return (errno);
		for (i = 0; i < 2; i++) {
			if (p[i].revents == 0)
				continue;
			n = read(s[i].fd, buf, sizeof(buf));
			if (n <= 0) {
				close_stream(&s[i]);
				continue;
			}
			error = take(&s[i], buf, (size_t)n, i == 1);
			if (error != 0)
				return (error);
		}
	}
	return (0);
}

/* Wait until the deadline. 0, or ETIMEDOUT: then it was killed. */
static int
wait_for(pid_t pid, int64_t deadline, int *status)
{
	struct pollfd ended = {.events = POLLIN};
	int64_t left;
	int rc;

	rc = 1;
	ended.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (ended.fd != -1) {
		do {
			left = deadline - clock_ms();
			rc = poll(&ended, 1, left < 0 ? 0 : (int)left);
		} while (rc == -1 && errno == EINTR);
		close(ended.fd);
	}
	if (rc == 0)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) == -1 && errno == EINTR)
		;
	return (rc == 0 ? ETIMEDOUT : 0);
}

/* Fail unless it exited. */
static int
judge(const struct child *c, int error, int status, struct failure *failure)
{
	const char *name = c->argv[0];

	if (error == ETIMEDOUT)
		return (failure_set(failure, FAILURE_IO,
		    "%s did not end within %d seconds", name, c->seconds));
	if (error == EFBIG)
		return (failure_set(failure, FAILURE_DATA,
		    "output of %s exceeds %zu bytes", name, c->max));
	if (error == ENOMEM)
		return (failure_memory(failure));
	if (error != 0)
		return (failure_set(
		    failure, FAILURE_IO, "%s: %s", name, strerror(error)));
	if (WIFSIGNALED(status))
		return (failure_set(failure, FAILURE_IO,
		    "%s was killed by signal %d", name, WTERMSIG(status)));
	return (0);
}

/* Warnings come first, the fatal error last. */
static const char *
last_line(struct arena *a, const struct stream *s)
{
	size_t end = s->len, start;

	while (end > 0 && s->text[end - 1] == '\n')
		end--;
	for (start = end; start > 0 && s->text[start - 1] != '\n'; start--)
		;
	return (end == 0 ? "" : arena_strndup(a, s->text + start, end - start));
}

/* The result of a program that exited. */
static int
give(struct arena *a, const struct stream *s, int status,
    struct child_result *r, struct failure *failure)
{
	r->status = WEXITSTATUS(status);
	r->len = s[0].len;
	r->out = arena_strndup(a, s[0].len == 0 ? "" : s[0].text, s[0].len);
	r->message = last_line(a, &s[1]);
	if (r->out == NULL || r->message == NULL)
		return (failure_memory(failure));
	return (0);
}

int
child_run(struct arena *a, const struct child *c, struct child_result *r,
    struct failure *failure)
{
	struct stream s[2] = {
	    {.fd = -1, .max = c->max}, {.fd = -1, .max = MESSAGE_MAX}};
	int ends[2] = {c->output, -1};
	int64_t deadline;
	pid_t pid;
	int error, rc, status = 0;

	rc = -1;
	deadline = clock_ms() + c->seconds * 1000;
	if (open_stream(c, &s[1], &ends[1]) != 0 ||
	    (c->output == -1 && open_stream(c, &s[0], &ends[0]) != 0)) {
		judge(c, errno, 0, failure);
		goto out;
	}
	error = start(c, ends, &pid);
	if (error != 0) {
		failure_set(failure,
		    error == ENOENT ? FAILURE_UNKNOWN : FAILURE_IO, "%s: %s",
		    c->argv[0], strerror(error));
		goto out;
	}
	/* With ours open the streams would never end. */
	close_ends(c, ends);
	error = read_all(s, deadline);
	close_stream(&s[0]);
	close_stream(&s[1]);
	if (wait_for(pid, error == 0 ? deadline : 0, &status) != 0 &&
	    error == 0)
		error = ETIMEDOUT;
	if (judge(c, error, status, failure) == 0)
		rc = give(a, s, status, r, failure);
out:
	close_ends(c, ends);
	close_stream(&s[0]);
	close_stream(&s[1]);
	free(s[0].text);
	free(s[1].text);
	return (rc);
}
