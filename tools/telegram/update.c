/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * update - one update of the Bot API: who said what to the bot
 */
#include <string.h>

#include "telegram/update.h"

/* Numbers of the Bot API have at most 52 bits. */
#define ID_MAX (((int64_t)1 << 52) - 1)

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
	u->message.private = strcmp(type, "private") == 0;
	return (1);
}
