/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock - a time of day that jumps
 *
 * For LD_PRELOAD. $NM_CLOCK names a file with the number of seconds, as an
 * int64_t, by which CLOCK_REALTIME is wrong. CLOCK_MONOTONIC is right.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t none;
static _Atomic int64_t *jump = &none;

static void attach(void) __attribute__((constructor));

static void
attach(void)
{
	const char *name = getenv("NM_CLOCK");
	void *shared;
	int fd;

	if (name == NULL)
		return;
	fd = open(name, O_RDONLY | O_CLOEXEC);
	shared = mmap(NULL, sizeof(*jump), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (shared != MAP_FAILED)
		jump = shared;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	long rc;

	rc = syscall(SYS_clock_gettime, id, ts);
	if (rc == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
		ts->tv_sec += *jump;
	return ((int)rc);
}

time_t
time(time_t *t)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (t != NULL)
		*t = ts.tv_sec;
	return (ts.tv_sec);
}

int
gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &ts);
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return (0);
}
