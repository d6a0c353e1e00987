/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * texts - the texts that users of accounts read
 *
 * A text has named places, like {account}. Threads: any.
 */
#ifndef TEXTS_H
#define TEXTS_H

#include <stddef.h>

#include "base/compiler.h"

enum text {
	TEXT_HELLO,
	TEXT_SUBSCRIBED_SUBJECT,
	TEXT_SUBSCRIBED_SUBJECT_MANY,
	TEXT_SUBSCRIBED,
	TEXT_UNSUBSCRIBED_SUBJECT,
	TEXT_UNSUBSCRIBED_SUBJECT_MANY,
	TEXT_UNSUBSCRIBED,
	TEXT_ROLE_SUBJECT,
	TEXT_ROLE,
	TEXT_OWNER_SUBJECT,
	TEXT_OWNER,
	TEXT_HANDED_OVER_SUBJECT,
	TEXT_HANDED_OVER,
	TEXT_ADDRESS_SUBJECT,
	TEXT_ADDRESS,
	TEXT_REMOVED_SUBJECT,
	TEXT_REMOVED,
	TEXT_ACCOUNT_REMOVED_SUBJECT,
	TEXT_ACCOUNT_REMOVED,
	TEXT_FORGOTTEN_SUBJECT,
	TEXT_FORGOTTEN,
	TEXT_TELEGRAM_END_SUBJECT,
	TEXT_TELEGRAM_END,
	TEXT_LOST,
	TEXT_GAINED,
	TEXT_CHAT,
	TEXT_BY,
	TEXT_BY_OPERATOR,
	TEXT_ASK,
	TEXT_ROLE_OWNER,
	TEXT_ROLE_USER_ADMIN,
	TEXT_ROLE_MEMBER,
	TEXT_ROLE_SUBSCRIBER,
	TEXT_COUNT,
};

/* What is put into a place; of a list the last one has a NULL name. A value is
 * shown in one line, without control and bidirectional characters, and cut
 * after TEXTS_VALUE_MAX characters. */
struct text_place {
	const char *name;
	const char *value;
};
#define TEXTS_VALUE_MAX 200

/* texts_fill(text, places): with the places filled in; to be freed with
 * g_free(). A place that ${places} does not have stays as it is. */
char *texts_fill(enum text, const struct text_place *) WARN_UNUSED;

/* texts_value(value): as it is shown in a place; to be freed with g_free(). */
char *texts_value(const char *) WARN_UNUSED;

#endif
