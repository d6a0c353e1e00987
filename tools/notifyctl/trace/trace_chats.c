/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_chats - whose chat a mirror was for
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "notifyctl/ctl.h"
#include "notifyctl/trace/history.h"
#include "notifyctl/trace/trace_chats.h"
#include "notifyctl/trace/trace_roster.h"
#include "settings/settings.h"
#include "store/store_link.h"
#include "terms/stamp.h"

static int64_t link_of(const struct ctl *, const struct history_copy *);
static int64_t unnamed(const struct ctl *, const struct history *);
static void name_chats(struct ctl *, struct store *, struct history *);

bool
trace_chats_is(const struct ctl *ctl, const char *recipient)
{
	const char *at = strrchr(recipient, '@');

	return (at != NULL &&
	    strcasecmp(at + 1, ctl->settings->telegram_domain) == 0);
}

/* The link whose chat the recipient is; 0 if it is no chat. */
static int64_t
link_of(const struct ctl *ctl, const struct history_copy *c)
{
	const char *at = strrchr(c->recipient, '@'), *check;
	int64_t link;

	if (!trace_chats_is(ctl, c->recipient))
		return (0);
	return (stamp_chat(arena_strndup(ctl->arena, c->recipient,
			       (size_t)(at - c->recipient)),
		    &link, &check)
		? link
		: 0);
}

/* How many chats of the message have no name yet? */
static int64_t
unnamed(const struct ctl *ctl, const struct history *m)
{
	int64_t n = 0;
	size_t i;

	for (i = 0; i < m->ncopies; i++)
		n += *m->copies[i].person == '\0' &&
		    link_of(ctl, &m->copies[i]) != 0;
	return (n);
}

static void
name_chats(struct ctl *ctl, struct store *s, struct history *m)
{
	struct history_copy *c;
	struct store_user user;
	int64_t link;
	size_t i;

	for (i = 0; i < m->ncopies; i++) {
		c = &m->copies[i];
		link = *c->person == '\0' ? link_of(ctl, c) : 0;
		if (link == 0 || store_link(s, ctl->arena, link, 0, &user) != 1)
			continue;
		c->person = user.address;
		c->account = user.account_name;
	}
}

void
trace_chats(struct ctl *ctl, struct history *messages, size_t n)
{
	struct store *s;
	int64_t some = 0;
	size_t i;

	for (i = 0; i < n; i++)
		some += unnamed(ctl, &messages[i]);
	s = some == 0 ? NULL : trace_roster_open(ctl, NULL);
	if (s != NULL && store_begin(s, DB_READ) == 0) {
		for (i = 0; i < n; i++)
			name_chats(ctl, s, &messages[i]);
		store_end(s);
	}
	trace_roster_close(ctl, s);
}
