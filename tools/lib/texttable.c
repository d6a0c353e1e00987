/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * texttable - the texts that customers read: names, places, English words
 *
 * postfix-sample/texts/en.conf is printed from it: build/unit texts.
 */
#include "lib/texttable.h"

/* The user, in most texts. */
#define USER "account address"

const struct text_entry text_table[TEXT_COUNT] = {
    [TEXT_HELLO] = {"notice", "hello", USER, "Hello,", true},
    [TEXT_SUBSCRIBED_SUBJECT] = {"notice", "subscribed_subject",
	USER " category",
	"You now receive \"{category}\" for account {account}", true},
    [TEXT_SUBSCRIBED_SUBJECT_MANY] = {"notice", "subscribed_subject_many",
	USER " count",
	"You now receive {count} more categories for account "
	"{account}",
	true},
    [TEXT_SUBSCRIBED] = {"notice", "subscribed", USER,
	"you are subscribed to more messages for the account\n"
	"{account}, at this address, {address}.",
	false},
    [TEXT_UNSUBSCRIBED_SUBJECT] = {"notice", "unsubscribed_subject",
	USER " category",
	"You no longer receive \"{category}\" for account {account}", true},
    [TEXT_UNSUBSCRIBED_SUBJECT_MANY] = {"notice", "unsubscribed_subject_many",
	USER " count",
	"You no longer receive {count} categories for account "
	"{account}",
	true},
    [TEXT_UNSUBSCRIBED] = {"notice", "unsubscribed", USER,
	"you no longer receive some messages for the account\n"
	"{account}, at this address, {address}.",
	false},
    [TEXT_ROLE_SUBJECT] = {"notice", "role_subject", USER,
	"Your role in account {account} has changed", true},
    [TEXT_ROLE] = {"notice", "role", USER " was role",
	"your role in the account {account}\n"
	"was: {was}, and is now: {role}. Your address there is\n"
	"{address}.",
	false},
    [TEXT_OWNER_SUBJECT] = {"notice", "owner_subject", USER,
	"You are the owner of account {account}", true},
    [TEXT_OWNER] = {"notice", "owner", USER,
	"you are the owner of the account {account} now,\n"
	"and receive all its messages at this address, {address}.",
	false},
    [TEXT_HANDED_OVER_SUBJECT] = {"notice", "handed_over_subject", USER,
	"You are no longer the owner of account {account}", true},
    [TEXT_HANDED_OVER] = {"notice", "handed_over", USER " other",
	"the owner of the account {account} is now\n"
	"{other}. You are an administrator of it, at this\n"
	"address, {address}.",
	false},
    [TEXT_ADDRESS_SUBJECT] = {"notice", "address_subject", USER,
	"Your address in account {account} has changed", true},
    [TEXT_ADDRESS] = {"notice", "address", USER " other",
	"messages for the account {account} go to\n"
	"{other} now, and no longer to this address,\n"
	"{address}.",
	false},
    [TEXT_REMOVED_SUBJECT] = {"notice", "removed_subject", USER,
	"You are no longer a user of account {account}", true},
    [TEXT_REMOVED] = {"notice", "removed", USER,
	"you are no longer a user of the account {account},\n"
	"and receive none of its messages at this address,\n"
	"{address}.",
	false},
    [TEXT_ACCOUNT_REMOVED_SUBJECT] = {"notice", "account_removed_subject", USER,
	"Account {account} was removed", true},
    [TEXT_ACCOUNT_REMOVED] = {"notice", "account_removed", USER,
	"the account {account} was removed. Nothing is\n"
	"sent for it to this address any more, {address}.",
	false},
    [TEXT_FORGOTTEN_SUBJECT] = {"notice", "forgotten_subject", "address",
	"Your data was removed", true},
    [TEXT_FORGOTTEN] = {"notice", "forgotten", "address",
	"what was stored here about your address, {address},\n"
	"was removed. You receive no messages from here any more.",
	false},
    [TEXT_TELEGRAM_END_SUBJECT] = {"notice", "telegram_end_subject", USER,
	"Your Telegram chat is no longer linked to account {account}", true},
    [TEXT_TELEGRAM_END] = {"notice", "telegram_end", USER " reason",
	"your Telegram chat no longer receives messages for the "
	"account\n"
	"{account}: {reason}.\n"
	"You still get them by mail, at {address}.\n"
	"To link a chat again, ask for a new connect link.",
	false},
    [TEXT_REASON_BLOCKED] = {"notice", "reason_blocked", "",
	"the bot was blocked there", true},
    [TEXT_REASON_DEACTIVATED] = {"notice", "reason_deactivated", "",
	"the user's account at Telegram does not exist any more", true},
    [TEXT_REASON_NOT_FOUND] = {"notice", "reason_not_found", "",
	"Telegram does not find the chat", true},
    [TEXT_LOST] = {"notice", "lost", USER, "You no longer receive:", false},
    [TEXT_GAINED] = {"notice", "gained", USER, "You now receive:", false},
    [TEXT_CHAT] = {"notice", "chat", USER,
	"Your Telegram chat was unlinked with this change.", false},
    [TEXT_BY] = {"notice", "by", USER " actor date",
	"This was done by {actor} on {date}.", false},
    [TEXT_BY_OPERATOR] = {"notice", "by_operator", USER " date",
	"This was done on {date}.", false},
    [TEXT_ASK] = {"notice", "ask", USER,
	"If it is not what you expected, please ask the owner or an\n"
	"administrator of the account:",
	false},
    [TEXT_ROLE_OWNER] = {"role", "owner", "", "owner", true},
    [TEXT_ROLE_USER_ADMIN] = {"role", "user_admin", "", "user administrator",
	true},
    [TEXT_ROLE_MEMBER] = {"role", "member", "", "user", true},
    [TEXT_ROLE_SUBSCRIBER] = {"role", "subscriber", "", "subscriber", true},
    [TEXT_BOT_HELP] = {"bot", "help", "",
	"This bot brings you the messages about balance and payments "
	"that your account also gets by mail.\n"
	"\n"
	"To link this chat, open the connect link that you were "
	"given for your account.\n"
	"/status says what is linked\n"
	"/stop ends it",
	false},
    [TEXT_BOT_LINKED] = {"bot", "linked", USER,
	"This chat is now linked to account {account}, as {address}. "
	"Messages about balance and payments come here too; the mail "
	"still does.\n"
	"/stop ends it.",
	false},
    [TEXT_BOT_USER] = {"bot", "user", USER, "account {account}, as {address}",
	true},
    [TEXT_BOT_STOPPED] = {"bot", "stopped", "",
	"This chat is no longer linked to:", false},
    [TEXT_BOT_STATUS] = {"bot", "status", "", "This chat is linked to:", false},
    [TEXT_BOT_STATUS_NONE] = {"bot", "status_none", "",
	"This chat is not linked. To link it, open the connect link "
	"that you were given for your account.",
	false},
    [TEXT_BOT_STOPPED_NONE] = {"bot", "stopped_none", "",
	"This chat is not linked.", false},
    [TEXT_BOT_GROUP] = {"bot", "group", "",
	"A group cannot be linked: everybody in it would read the "
	"messages. Open the link in a private chat with this bot.",
	false},
    [TEXT_BOT_REFUSED] = {"bot", "refused", "",
	"This link does not work: it was used already, or is older "
	"than 15 minutes, or you may not link a chat any more. "
	"Please ask for a new one where you got it.",
	false},
    [TEXT_BOT_WAIT] = {"bot", "wait", "count",
	"Too many links that do not work were opened in this chat. "
	"Wait for {count} minute, and then open the link again, or ask for "
	"a new one.",
	false},
    [TEXT_BOT_WAIT_MANY] = {"bot", "wait_many", "count",
	"Too many links that do not work were opened in this chat. "
	"Wait for {count} minutes, and then open the link again, or "
	"ask for a new one.",
	false},
    [TEXT_BOT_ASK] = {"bot", "ask", USER,
	"This chat cannot be linked to account {account}, as {address}: this "
	"user receives nothing that comes to Telegram. The owner or an "
	"administrator of the account can change that:",
	false},
    [TEXT_BOT_ASK_THEN] = {"bot", "ask_then", "", "Then open a new link.",
	false},
    [TEXT_BOT_FAREWELL] = {"bot", "farewell", "account",
	"This chat is no longer linked to account {account}. Its messages do "
	"not come here any more.",
	false},
    [TEXT_BOT_MENU_STATUS] = {"bot", "menu_status", "",
	"what this chat is linked to", true},
    [TEXT_BOT_MENU_STOP] = {"bot", "menu_stop", "",
	"end the links of this chat", true},
    [TEXT_LAST_LINE] = {"chat", "last_line", "category account",
	"{category} · {account}", true},
    [TEXT_LAST_LINE_TITLE] = {"chat", "last_line_title",
	"category account title", "{category} · {title} ({account})", true},
    [TEXT_LAST_LINE_NAMELESS] = {"chat", "last_line_nameless", "category",
	"{category}", true},
};
