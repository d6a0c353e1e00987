/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * menu - the commands that a phone offers in a chat with the bot
 *
 * A courtesy: the bot understands its commands without it.
 *
 * Threads: one.
 */
#ifndef MENU_H
#define MENU_H

#include <stdbool.h>
#include <stdint.h>

struct polling;

/* Kept from one call to the next; zeros to begin with. */
struct menu {
	bool set; /* Telegram has it */
	bool tried;
	bool warned;
	int64_t next; /* clock_boot_ms(): not before that */
};

/*
 * menu_offer(p): give Telegram the list, once. What fails is retried once
 * Telegram answers at all; if it fails then too, that is logged once, and
 * retried after ten minutes.
 */
void menu_offer(struct polling *);

#endif
