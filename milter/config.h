/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config - the settings in force, and the database they name
 *
 * A reload makes a new config beside the old one; whoever is in the middle of
 * a message keeps the one it began with.
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

/* config_load(file, failure): read ${file} and put it in force. 0, or -1 and
 * ${failure}, and what was in force stays. */
int config_load(const char *file, struct failure *) WARN_UNUSED;

/* config_get(): the config in force, never NULL after the first load; give it
 * back with config_put(). */
struct config *config_get(void);
void config_put(struct config *);

/* config_close(): at the end, when nobody has one any more. */
void config_close(void);

#endif
