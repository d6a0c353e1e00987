/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config - the settings in force, and the database they name
 *
 * A reload makes a new config; a message that is being decided keeps the config
 * that it began with.
 *
 * Threads: any.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "base/compiler.h"

struct failure;
struct pool;
struct settings;

struct config {
	struct settings *settings;
	struct pool *pool;
	int users; /* internal */
};

/* config_load(file, failure): read ${file} and put it in force; settings that
 * have no user any more are refused. 0, or -1 and ${failure}; then the old
 * config stays in force. Threads: the main one. */
int config_load(const char *file, struct failure *) WARN_UNUSED;

/* config_get(): the config in force, never NULL after the first load; return it
 * with config_put(). */
struct config *config_get(void);
void config_put(struct config *);

/* config_close(): at the end, when every config has been returned. */
void config_close(void);

#endif
