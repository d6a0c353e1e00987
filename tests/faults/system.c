/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * system - a disk that fails
 *
 * For LD_PRELOAD. Calls that change a file whose name begins with FAULT_FILES
 * (create, write, truncate, sync, unlink) are counted from 1. The environment
 * says what happens to them:
 *
 *   FAULT_AT=N       from the Nth on (1)
 *   FAULT_TO=N       up to the Nth (for ever)
 *   FAULT_ONLY=...   count only these: o(pen), w(rite), t(runcate), s(ync),
 *                    u(nlink); or r(ead), which is not counted otherwise
 *   FAULT_WHILE=FILE only while that file exists
 *   FAULT_ERRNO=E    they fail, with this error
 *   FAULT_KILL=1     kill the program (-9) before the first of them; 2: when
 *                    half of the write is done
 *   FAULT_LOG=FILE   write the name of each to FILE
 *   FAULT_COPY=DIR   before each, copy the files to DIR/N.*, as a kill would
 *                    leave them, and to DIR/N+.* with half of the write done;
 *                    not -shm, which is made again after a kill
 *
 *   FAULT_HASTE=N    poll(2), nanosleep(2) and usleep(3) wait an Nth of the
 * time FAULT_CLOCK=N    CLOCK_MONOTONIC runs N times as fast
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FDS 1024
#define REAL(name) ((__typeof__(&name))next(#name))

/* For the descriptor of a counted file, the rest of its name. */
static _Atomic(const char *) names[FDS];
static atomic_long count;

static void *
next(const char *name)
{
	void *found;

	found = dlsym(RTLD_NEXT, name);
	if (found == NULL)
		abort();
	return (found);
}

/* The part of ${path} after FAULT_FILES, or NULL if it is not counted. */
static const char *
rest(const char *path)
{
	const char *files = getenv("FAULT_FILES");
	static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
	size_t i;

	if (files == NULL || path == NULL ||
	    strncmp(path, files, strlen(files)) != 0)
		return (NULL);
	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		if (strcmp(path + strlen(files), ends[i]) == 0)
			return (ends[i]);
	}
	return (NULL);
}

static const char *
name_of(int fd)
{
	return (fd >= 0 && fd < FDS ? atomic_load(&names[fd]) : NULL);
}

static long
number(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return (text == NULL ? otherwise : strtol(text, NULL, 10));
}

static void
copy_file(const char *from, const char *to)
{
	char buf[65536];
	ssize_t n;
	int in, out;

	in = (int)syscall(SYS_openat, AT_FDCWD, from, O_RDONLY | O_CLOEXEC, 0);
	if (in == -1)
		return;
	out = (int)syscall(
	    SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	while ((n = syscall(SYS_read, in, buf, sizeof(buf))) > 0) {
		if (syscall(SYS_write, out, buf, (size_t)n) != n)
			abort();
	}
	syscall(SYS_close, in);
	syscall(SYS_close, out);
}

static void
copy_all(const char *folder, long n, const char *mark)
{
	static const char *const ends[] = {"", "-wal", "-journal"};
	char from[512], to[512];
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(
		    from, sizeof(from), "%s%s", getenv("FAULT_FILES"), ends[i]);
		snprintf(
		    to, sizeof(to), "%s/%ld%s.db%s", folder, n, mark, ends[i]);
		copy_file(from, to);
	}
}

static void
copy_half(const char *folder, long n, const char *name, const void *data,
    size_t len, off_t offset)
{
	char to[512];
	int fd;

	copy_all(folder, n, "+");
	snprintf(to, sizeof(to), "%s/%ld+.db%s", folder, n, name);
	fd = (int)syscall(
	    SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	if (syscall(SYS_pwrite64, fd, data, len / 2, offset) < 0)
		abort();
	syscall(SYS_close, fd);
}

static void
note(const char *folder, long n, char what, const char *name)
{
	char line[128];
	int fd, len;

	fd = (int)syscall(SYS_openat, AT_FDCWD, folder,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	len = snprintf(line, sizeof(line), "%ld %c %s\n", n, what,
	    *name == '\0' ? "-main" : name);
	if (syscall(SYS_write, fd, line, (size_t)len) != len)
		abort();
	syscall(SYS_close, fd);
}

/* Before a change: 0, or the errno with which it must fail. */
static int
change(char what, const char *name, int fd, const void *data, size_t len,
    off_t offset)
{
	const char *only = getenv("FAULT_ONLY"), *path;
	long n;

	if (name == NULL || (only == NULL && what == 'r') ||
	    (only != NULL && strchr(only, what) == NULL))
		return (0);
	path = getenv("FAULT_WHILE");
	if (path != NULL && syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0)
		return (0);
	n = atomic_fetch_add(&count, 1) + 1;
	if ((path = getenv("FAULT_LOG")) != NULL)
		note(path, n, what, name);
	path = strcmp(name, "-shm") == 0 ? NULL : getenv("FAULT_COPY");
	if (path != NULL) {
		copy_all(path, n, "");
		if (what == 'w' && len > 1)
			copy_half(path, n, name, data, len, offset);
	}
	if (n < number("FAULT_AT", 1) || n > number("FAULT_TO", n))
		return (0);
	switch (number("FAULT_KILL", 0)) {
	case 2:
		if (what == 'w' &&
		    syscall(SYS_pwrite64, fd, data, len / 2, offset) < 0)
			abort();
		/* FALLTHROUGH */
	case 1:
		kill(getpid(), SIGKILL);
	}
	return ((int)number("FAULT_ERRNO", 0));
}

#define CHANGE(what, name, fd, data, len, offset)                              \
	do {                                                                   \
		int error = change(what, name, fd, data, len, offset);         \
		if (error != 0) {                                              \
			errno = error;                                         \
			return (-1);                                           \
		}                                                              \
	} while (0)

int
open64(const char *path, int flags, ...)
{
	const char *name = rest(path);
	va_list ap;
	mode_t mode;
	int fd;

	va_start(ap, flags);
	mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	if (flags & O_CREAT &&
	    syscall(SYS_faccessat, AT_FDCWD, path, F_OK) != 0)
		CHANGE('o', name, -1, NULL, 0, 0);
	fd = REAL(open64)(path, flags, mode);
	if (fd >= 0 && fd < FDS)
		atomic_store(&names[fd], name);
	return (fd);
}

/* SQLite calls open64() and pread64(), our programs these: open() is not
 * counted, but what is read is. */
int
open(const char *path, int flags, ...)
{
	va_list ap;
	mode_t mode;
	int fd;

	va_start(ap, flags);
	mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
	va_end(ap);
	/* Everything calls it, in signal handlers and after fork(2), too. */
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fd >= 0 && fd < FDS)
		atomic_store(&names[fd], rest(path));
	return (fd);
}

int
close(int fd)
{
	if (fd >= 0 && fd < FDS)
		atomic_store(&names[fd], NULL);
	return (REAL(close)(fd));
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	CHANGE('w', name_of(fd), fd, data, len, offset);
	return (REAL(pwrite64)(fd, data, len, offset));
}

ssize_t
pread64(int fd, void *data, size_t len, off64_t offset)
{
	CHANGE('r', name_of(fd), fd, NULL, 0, 0);
	return (REAL(pread64)(fd, data, len, offset));
}

ssize_t
pread(int fd, void *data, size_t len, off_t offset)
{
	CHANGE('r', name_of(fd), fd, NULL, 0, 0);
	return (syscall(SYS_pread64, fd, data, len, offset));
}

ssize_t
write(int fd, const void *data, size_t len)
{
	if (name_of(fd) != NULL)
		CHANGE('w', name_of(fd), fd, data, len,
		    syscall(SYS_lseek, fd, 0, SEEK_CUR));
	return (REAL(write)(fd, data, len));
}

int
ftruncate64(int fd, off64_t len)
{
	CHANGE('t', name_of(fd), fd, NULL, 0, len);
	return (REAL(ftruncate64)(fd, len));
}

int
fdatasync(int fd)
{
	CHANGE('s', name_of(fd), fd, NULL, 0, 0);
	return (REAL(fdatasync)(fd));
}

int
fsync(int fd)
{
	CHANGE('s', name_of(fd), fd, NULL, 0, 0);
	return (REAL(fsync)(fd));
}

int
unlink(const char *path)
{
	CHANGE('u', rest(path), -1, NULL, 0, 0);
	return (REAL(unlink)(path));
}

int
poll(struct pollfd *fds, nfds_t n, int timeout)
{
	if (timeout > 0)
		timeout /= (int)number("FAULT_HASTE", 1);
	return (REAL(poll)(fds, n, timeout));
}

int
nanosleep(const struct timespec *t, struct timespec *left)
{
	long haste = number("FAULT_HASTE", 1);
	int64_t ns = ((int64_t)t->tv_sec * 1000000000 + t->tv_nsec) / haste;
	const struct timespec less = {
	    .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};

	return (REAL(nanosleep)(&less, left));
}

int
usleep(useconds_t us)
{
	const struct timespec t = {
	    .tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000L};

	return (nanosleep(&t, NULL));
}

unsigned
sleep(unsigned seconds)
{
	const struct timespec t = {.tv_sec = seconds};

	return (nanosleep(&t, NULL) == 0 ? 0 : seconds);
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	long fast = number("FAULT_CLOCK", 1), rc;
	int64_t ns;

	rc = syscall(SYS_clock_gettime, id, ts);
	if (rc == 0 && id == CLOCK_MONOTONIC && fast > 1) {
		ns = ((int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec) * fast;
		ts->tv_sec = ns / 1000000000;
		ts->tv_nsec = ns % 1000000000;
	}
	return ((int)rc);
}
