/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * texts - the texts that users of accounts read
 */
#include <stdbool.h>
#include <string.h>

#include <glib.h>

#include "lib/texts.h"

static const char *const texts[TEXT_COUNT] = {
    [TEXT_HELLO] = "Hello,",
    [TEXT_SUBSCRIBED_SUBJECT] =
	"You now receive \"{category}\" for account {account}",
    [TEXT_SUBSCRIBED_SUBJECT_MANY] =
	"You now receive {count} more categories for account {account}",
    [TEXT_SUBSCRIBED] = "you are subscribed to more messages for the account\n"
			"{account}, at this address, {address}.",
    [TEXT_UNSUBSCRIBED_SUBJECT] =
	"You no longer receive \"{category}\" for account {account}",
    [TEXT_UNSUBSCRIBED_SUBJECT_MANY] =
	"You no longer receive {count} categories for account {account}",
    [TEXT_UNSUBSCRIBED] =
	"you no longer receive some messages for the account\n"
	"{account}, at this address, {address}.",
    [TEXT_ROLE_SUBJECT] = "Your role in account {account} has changed",
    [TEXT_ROLE] = "your role in the account {account}\n"
		  "was: {was}, and is now: {role}. Your address there is\n"
		  "{address}.",
    [TEXT_OWNER_SUBJECT] = "You are the owner of account {account}",
    [TEXT_OWNER] = "you are the owner of the account {account} now,\n"
		   "and receive all its messages at this address, {address}.",
    [TEXT_HANDED_OVER_SUBJECT] =
	"You are no longer the owner of account {account}",
    [TEXT_HANDED_OVER] = "the owner of the account {account} is now\n"
			 "{other}. You are an administrator of it, at this\n"
			 "address, {address}.",
    [TEXT_ADDRESS_SUBJECT] = "Your address in account {account} has changed",
    [TEXT_ADDRESS] = "messages for the account {account} go to\n"
		     "{other} now, and no longer to this address,\n"
		     "{address}.",
    [TEXT_REMOVED_SUBJECT] = "You are no longer a user of account {account}",
    [TEXT_REMOVED] = "you are no longer a user of the account {account},\n"
		     "and receive none of its messages at this address,\n"
		     "{address}.",
    [TEXT_ACCOUNT_REMOVED_SUBJECT] = "Account {account} was removed",
    [TEXT_ACCOUNT_REMOVED] = "the account {account} was removed. Nothing is\n"
			     "sent for it to this address any more, {address}.",
    [TEXT_FORGOTTEN_SUBJECT] = "Your data was removed",
    [TEXT_FORGOTTEN] = "what was stored here about your address, {address},\n"
		       "was removed. You receive no messages from here any "
		       "more.",
    [TEXT_TELEGRAM_END_SUBJECT] =
	"Your Telegram chat is no longer linked to account {account}",
    [TEXT_TELEGRAM_END] =
	"your Telegram chat no longer receives messages for the account\n"
	"{account}: {reason}.\n"
	"You still get them by mail, at {address}.\n"
	"To link a chat again, ask for a new connect link.",
    [TEXT_LOST] = "You no longer receive:",
    [TEXT_GAINED] = "You now receive:",
    [TEXT_CHAT] = "Your Telegram chat was unlinked with this change.",
    [TEXT_BY] = "This was done by {actor} on {date}.",
    [TEXT_BY_OPERATOR] = "This was done on {date}.",
    [TEXT_ASK] = "If it is not what you expected, please ask the owner or an\n"
		 "administrator of the account:",
    [TEXT_ROLE_OWNER] = "owner",
    [TEXT_ROLE_USER_ADMIN] = "user administrator",
    [TEXT_ROLE_MEMBER] = "user",
    [TEXT_ROLE_SUBSCRIBER] = "subscriber",
};

/* Characters that change the direction of what follows, or end a line. */
static bool
is_harmful(gunichar c)
{
	return (g_unichar_iscntrl(c) || c == 0x061c || c == 0x200e ||
	    c == 0x200f || (c >= 0x2028 && c <= 0x202e) ||
	    (c >= 0x2066 && c <= 0x2069));
}

static void
append_value(GString *out, const char *value)
{
	char *valid = g_utf8_make_valid(value, -1);
	const char *s;
	gunichar c;
	int n = 0;

	for (s = valid; *s != '\0'; s = g_utf8_next_char(s)) {
		c = g_utf8_get_char(s);
		if (n++ == TEXTS_VALUE_MAX) {
			g_string_append(out, "\xe2\x80\xa6");
			break;
		}
		g_string_append_unichar(out, is_harmful(c) ? ' ' : c);
	}
	g_free(valid);
}

char *
texts_value(const char *value)
{
	GString *out = g_string_new(NULL);

	append_value(out, value);
	return (g_string_free(out, FALSE));
}

/* The place whose name is the ${len} bytes of ${name}, or NULL. */
static const struct text_place *
find_place(const struct text_place *places, const char *name, size_t len)
{
	for (; places->name != NULL; places++) {
		if (strncmp(places->name, name, len) == 0 &&
		    places->name[len] == '\0')
			return (places);
	}
	return (NULL);
}

char *
texts_fill(enum text text, const struct text_place *places)
{
	GString *out = g_string_new(NULL);
	const struct text_place *place;
	const char *s = texts[text], *end;

	while (*s != '\0') {
		end = *s == '{' ? strchr(s, '}') : NULL;
		place = end == NULL
		    ? NULL
		    : find_place(places, s + 1, (size_t)(end - s - 1));
		if (place == NULL) {
			g_string_append_c(out, *s++);
			continue;
		}
		append_value(out, place->value);
		s = end + 1;
	}
	return (g_string_free(out, FALSE));
}
