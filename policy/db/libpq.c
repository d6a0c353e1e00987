/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libpq - PostgreSQL's client library, loaded at its first use
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>

#include "db/libpq.h"

struct libpq libpq;

static bool loaded;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void);

static void
load(void)
{
	void *library;

	library = dlopen(LIBPQ_FILE, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return;
	loaded = true;
#define LOAD(name)                                                             \
	libpq.name = dlsym(library, #name);                                    \
	loaded = loaded && libpq.name != NULL;
	LIBPQ_FUNCTIONS(LOAD)
#undef LOAD
}

bool
libpq_load(void)
{
	pthread_once(&once, load);
	return (loaded);
}
