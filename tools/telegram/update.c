/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * update - one update of the Bot API: who said what to the bot
 */
#include <string.h>

#include "telegram/update.h"

/* Numbers of the Bot API have at most 52 bits. */
#define ID_MAX (((int64_t)1 << 52) - 1)

static int64_t group_in(const json_t *, const char *);
static void read_move(const json_t *, struct chat_message *);

/* The id of a group in ${message}; 0 if it has none. */
static int64_t
group_in(const json_t *message, const char *name)
{
	int64_t id = json_integer_value(json_object_get(message, name));

	return (id < 0 && id >= -ID_MAX ? id : 0);
}

/* Telegram says so in the group and, by its new id, in the supergroup. */
static void
read_move(const json_t *message, struct chat_message *m)
{
	int64_t from = group_in(message, "migrate_from_chat_id");

	m->moved_to = group_in(message, "migrate_to_chat_id");
	if (from == 0)
		return;
	m->moved_to = m->chat;
	m->chat = from;
}

int
update_read(const json_t *json, struct update *u)
{
	json_t *id, *message, *chat;
	const char *type;

	memset(u, 0, sizeof(*u));
	id = json_object_get(json, "update_id");
	u->id = json_integer_value(id);
	if (!json_is_integer(id) || u->id < 0 || u->id > ID_MAX)
		return (-1);
	message = json_object_get(json, "message");
	chat = json_object_get(message, "chat");
	id = json_object_get(chat, "id");
	type = json_string_value(json_object_get(chat, "type"));
	u->message.text = json_string_value(json_object_get(message, "text"));
	if (type == NULL || !json_is_integer(id))
		return (0);
	/* A picture, or a voice: no command, but said to the bot. */
	if (u->message.text == NULL)
		u->message.text = "";
	u->message.chat = json_integer_value(id);
	u->message.private = strcmp(type, "private") == 0;
	/* A link has only the number, and its sign tells a group from a private
	 * chat: both must agree. */
	if (u->message.chat == 0 || u->message.chat < -ID_MAX ||
	    u->message.chat > ID_MAX ||
	    u->message.private != (u->message.chat > 0))
		return (0);
	/* Elsewhere a reply has the number of a thread, where the bot cannot
	 * write. */
	id = json_object_get(message, "message_thread_id");
	if (json_is_true(json_object_get(message, "is_topic_message")) &&
	    json_integer_value(id) > 0)
		u->message.topic = json_integer_value(id);
	u->message.language = json_string_value(
	    json_object_get(json_object_get(message, "from"), "language_code"));
	u->message.from = json_integer_value(
	    json_object_get(json_object_get(message, "from"), "id"));
	if (u->message.chat < 0)
		read_move(message, &u->message);
	return (1);
}
