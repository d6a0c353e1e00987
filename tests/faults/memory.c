/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * memory - malloc(3) and its like, which fail on demand
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "faults/memory.h"

/* The real functions. */
#ifdef BEFORE_ASAN
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#define COUNTS
#endif
void *REAL(malloc)(size_t);
void *REAL(calloc)(size_t, size_t);
void *REAL(realloc)(void *, size_t);
void *REAL(memalign)(size_t, size_t);
void REAL(free)(void *);
void *memalign(size_t, size_t);
void *valloc(size_t);

static struct memory own;
struct memory *memory = &own;

static bool fails(void);
static void *given(void *);
static void attach(void) __attribute__((constructor));

/* In a preloaded library: share the state with the test. */
static void
attach(void)
{
	const char *name = getenv("NM_MEMORY");
	void *shared;
	int fd;

	if (name == NULL)
		return;
	fd = open(name, O_RDWR | O_CLOEXEC);
	shared =
	    mmap(NULL, sizeof(own), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (shared != MAP_FAILED)
		memory = shared;
}

bool
memory_counts(void)
{
#ifdef COUNTS
	return (true);
#else
	return (false);
#endif
}

/* Does this call fail? */
static bool
fails(void)
{
	int64_t n;

	if (memory->armed == 0)
		return (false);
	n = ++memory->calls;
	if (memory->first == 0 || n < memory->first || n > memory->last)
		return (false);
	memory->failed++;
	errno = ENOMEM;
	return (true);
}

static void *
given(void *p)
{
	if (p != NULL)
		memory->live++;
	return (p);
}

void *
malloc(size_t size)
{
	return (fails() ? NULL : given(REAL(malloc)(size)));
}

void *
calloc(size_t n, size_t size)
{
	return (fails() ? NULL : given(REAL(calloc)(n, size)));
}

void *
realloc(void *old, size_t size)
{
	void *p;

	if (old == NULL)
		return (malloc(size));
	if (fails())
		return (NULL);
	p = REAL(realloc)(old, size);
	if (p == NULL && size == 0)
		memory->live--;
	return (p);
}

void *
memalign(size_t alignment, size_t size)
{
	return (fails() ? NULL : given(REAL(memalign)(alignment, size)));
}

void *
aligned_alloc(size_t alignment, size_t size)
{
	return (memalign(alignment, size));
}

void *
valloc(size_t size)
{
	return (memalign((size_t)sysconf(_SC_PAGESIZE), size));
}

int
posix_memalign(void **p, size_t alignment, size_t size)
{
	int old = errno;

	*p = memalign(alignment, size);
	errno = old;
	return (*p == NULL ? ENOMEM : 0);
}

void
free(void *p)
{
	if (p != NULL)
		memory->live--;
	REAL(free)(p);
}
