/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config - the settings in force, and the database they name
 */
#include <pthread.h>
#include <stdlib.h>

#include "base/failure.h"
#include "decision/pool.h"
#include "milter/config.h"
#include "settings/settings.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct config *current;

static int keeps_user(const struct settings *, struct failure *);
static void release(struct config *);

int
config_load(const char *file, struct failure *failure)
{
	struct config *config, *old;

	config = calloc(1, sizeof(*config));
	if (config == NULL)
		return (failure_memory(failure));
	config->users = 1;
	config->settings = settings_read(file, failure);
	if (config->settings == NULL ||
	    keeps_user(config->settings, failure) != 0) {
		release(config);
		return (-1);
	}
	config->pool = pool_new(config->settings, POOL_WAIT_MS);
	if (config->pool == NULL) {
		release(config);
		return (failure_memory(failure));
	}
	pthread_mutex_lock(&lock);
	old = current;
	current = config;
	pthread_mutex_unlock(&lock);
	if (old != NULL)
		config_put(old);
	return (0);
}

/* A file that an editor has emptied on a full disk is well formed, and would
 * end monitor mode; but the milter would not start with it. Only the main
 * thread changes ${current}. */
static int
keeps_user(const struct settings *new, struct failure *failure)
{
	if (current == NULL || *current->settings->user == '\0' ||
	    *new->user != '\0')
		return (0);
	return (failure_set(failure, FAILURE_SETTINGS,
	    "%s: there is no user any more; expected a line \"user = %s\" in "
	    "[milter]",
	    new->file, current->settings->user));
}

static void
release(struct config *config)
{
	pool_free(config->pool);
	settings_free(config->settings);
	free(config);
}

struct config *
config_get(void)
{
	struct config *config;

	pthread_mutex_lock(&lock);
	config = current;
	config->users++;
	pthread_mutex_unlock(&lock);
	return (config);
}

void
config_put(struct config *config)
{
	int users;

	pthread_mutex_lock(&lock);
	users = --config->users;
	pthread_mutex_unlock(&lock);
	if (users == 0)
		release(config);
}

void
config_close(void)
{
	config_put(current);
	current = NULL;
}
