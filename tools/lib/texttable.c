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
    [TEXT_HELLO] = {"notice", "hello", USER, "Hello,", FORM_LINE},
    [TEXT_SUBSCRIBED_SUBJECT] = {"notice", "subscribed_subject",
	USER " category",
	"You now receive \"{category}\" for account {account}", FORM_LINE},
    [TEXT_SUBSCRIBED_SUBJECT_MANY] = {"notice", "subscribed_subject_many",
	USER " count",
	"You now receive {count} more categories for account "
	"{account}",
	FORM_LINE},
    [TEXT_SUBSCRIBED] = {"notice", "subscribed", USER,
	"You now receive more messages for the account\n"
	"{account}, at this address, {address}.",
	FORM_LINES},
    [TEXT_UNSUBSCRIBED_SUBJECT] = {"notice", "unsubscribed_subject",
	USER " category",
	"You no longer receive \"{category}\" for account {account}",
	FORM_LINE},
    [TEXT_UNSUBSCRIBED_SUBJECT_MANY] = {"notice", "unsubscribed_subject_many",
	USER " count",
	"You no longer receive {count} categories for account "
	"{account}",
	FORM_LINE},
    [TEXT_UNSUBSCRIBED] = {"notice", "unsubscribed", USER,
	"You no longer receive some messages for the account\n"
	"{account}, at this address, {address}.",
	FORM_LINES},
    [TEXT_MIRRORED_SUBJECT] = {"notice", "mirrored_subject", USER " category",
	"Your Telegram chat now receives \"{category}\" for account {account}",
	FORM_LINE},
    [TEXT_MIRRORED] = {"notice", "mirrored", USER,
	"More messages for the account {account} now come\n"
	"to your Telegram chat. You still get them by mail, at\n"
	"{address}.",
	FORM_LINES},
    [TEXT_UNMIRRORED_SUBJECT] = {"notice", "unmirrored_subject",
	USER " category",
	"Your Telegram chat no longer receives \"{category}\" for account "
	"{account}",
	FORM_LINE},
    [TEXT_UNMIRRORED] = {"notice", "unmirrored", USER,
	"Some messages for the account {account} no longer\n"
	"come to your Telegram chat. You still get them by mail, at\n"
	"{address}.",
	FORM_LINES},
    [TEXT_ROLE_SUBJECT] = {"notice", "role_subject", USER,
	"Your role in account {account} has changed", FORM_LINE},
    [TEXT_ROLE] = {"notice", "role", USER " was role",
	"Your role in the account {account} was: {was}.\n"
	"It is now: {role}. Your address there is\n"
	"{address}.",
	FORM_LINES},
    [TEXT_OWNER_SUBJECT] = {"notice", "owner_subject", USER,
	"You are the owner of account {account}", FORM_LINE},
    [TEXT_OWNER] = {"notice", "owner", USER,
	"You are now the owner of the account {account},\n"
	"and receive all its messages at this address, {address}.",
	FORM_LINES},
    [TEXT_HANDED_OVER_SUBJECT] = {"notice", "handed_over_subject", USER,
	"You are no longer the owner of account {account}", FORM_LINE},
    [TEXT_HANDED_OVER] = {"notice", "handed_over", USER " other",
	"The owner of the account {account} is now\n"
	"{other}. You are one of its administrators, at\n"
	"this address, {address}.",
	FORM_LINES},
    [TEXT_ADDRESS_SUBJECT] = {"notice", "address_subject", USER,
	"Your address in account {account} has changed", FORM_LINE},
    [TEXT_ADDRESS] = {"notice", "address", USER " other",
	"Messages for the account {account} now go to\n"
	"{other}, and no longer to this address,\n"
	"{address}.",
	FORM_LINES},
    [TEXT_REMOVED_SUBJECT] = {"notice", "removed_subject", USER,
	"You are no longer a user of account {account}", FORM_LINE},
    [TEXT_REMOVED] = {"notice", "removed", USER,
	"You are no longer a user of the account {account},\n"
	"and receive none of its messages at this address,\n"
	"{address}.",
	FORM_LINES},
    [TEXT_ACCOUNT_REMOVED_SUBJECT] = {"notice", "account_removed_subject", USER,
	"Account {account} was removed", FORM_LINE},
    [TEXT_ACCOUNT_REMOVED] = {"notice", "account_removed", USER,
	"The account {account} was removed. Nothing more is\n"
	"sent for it to this address, {address}.",
	FORM_LINES},
    [TEXT_FORGOTTEN_SUBJECT] = {"notice", "forgotten_subject", "address",
	"Your data was removed", FORM_LINE},
    [TEXT_FORGOTTEN] = {"notice", "forgotten", "address",
	"What was stored here about your address, {address},\n"
	"was removed. You receive no more messages from here.",
	FORM_LINES},
    [TEXT_TELEGRAM_END_SUBJECT] = {"notice", "telegram_end_subject", USER,
	"Your Telegram chat is no longer linked to account {account}",
	FORM_LINE},
    [TEXT_TELEGRAM_END] = {"notice", "telegram_end", USER " reason",
	"Your Telegram chat no longer receives messages for the "
	"account\n"
	"{account}: {reason}.\n"
	"You still get them by mail, at {address}.\n"
	"To link a chat again, ask for a new connect link.",
	FORM_LINES},
    [TEXT_LINK_SUBJECT] = {"notice", "link_subject", "address",
	"Link a Telegram chat", FORM_LINE},
    [TEXT_LINK] = {"notice", "link", "address date",
	"Somebody asked in Telegram on {date} for a link\n"
	"for this address, {address}. Whoever opens it also gets\n"
	"your messages, in the Telegram chat in which it is opened. If it\n"
	"was you, open it on your phone within 15 minutes:",
	FORM_LINES},
    [TEXT_LINK_ACCOUNT] = {"notice", "link_account", "account address link",
	"Account {account}:\n"
	"{link}",
	FORM_LINES},
    [TEXT_LINK_IGNORE] = {"notice", "link_ignore", "address",
	"If it was not you, ignore this mail: nothing happens. Do not give\n"
	"the link to anybody.",
	FORM_LINES},
    [TEXT_REASON_BLOCKED] = {"notice", "reason_blocked", "",
	"the bot was blocked there", FORM_LINE},
    [TEXT_REASON_DEACTIVATED] = {"notice", "reason_deactivated", "",
	"the user at Telegram no longer exists", FORM_LINE},
    [TEXT_REASON_NOT_FOUND] = {"notice", "reason_not_found", "",
	"Telegram does not find the chat", FORM_LINE},
    [TEXT_REASON_OTHER] = {"notice", "reason_other", "",
	"the bot may no longer write there", FORM_LINE},
    [TEXT_LOST] = {"notice", "lost", USER,
	"You no longer receive:", FORM_LINES},
    [TEXT_GAINED] = {"notice", "gained", USER, "You now receive:", FORM_LINES},
    [TEXT_LOST_CHAT] = {"notice", "lost_chat", USER,
	"No longer in the chat:", FORM_LINES},
    [TEXT_GAINED_CHAT] = {"notice", "gained_chat", USER,
	"Now in the chat, too:", FORM_LINES},
    [TEXT_CHAT] = {"notice", "chat", USER,
	"Your Telegram chat was unlinked with this change.", FORM_LINES},
    [TEXT_BY] = {"notice", "by", USER " actor date",
	"This was done by {actor} on {date}.", FORM_LINES},
    [TEXT_BY_OPERATOR] = {"notice", "by_operator", USER " date",
	"This was done on {date}.", FORM_LINES},
    [TEXT_ASK] = {"notice", "ask", USER,
	"If you did not expect this, please ask the owner or an\n"
	"administrator of the account:",
	FORM_LINES},
    [TEXT_ROLE_OWNER] = {"role", "owner", "", "owner", FORM_LINE},
    [TEXT_ROLE_USER_ADMIN] = {"role", "user_admin", "", "user administrator",
	FORM_LINE},
    [TEXT_ROLE_MEMBER] = {"role", "member", "", "user", FORM_LINE},
    [TEXT_ROLE_SUBSCRIBER] = {"role", "subscriber", "", "subscriber",
	FORM_LINE},
    [TEXT_BOT_HELP] = {"bot", "help", "",
	"This bot brings you messages of your account, such as those about "
	"balance and payments. You also get them by mail.\n"
	"\n"
	"To link this chat, open the connect link that you were "
	"given for your account.\n"
	"/status says what is linked\n"
	"/stop ends it",
	FORM_LINES},
    [TEXT_BOT_HELP_LINK] = {"bot", "help_link", "",
	"/link and your mail address, as in /link ann@acme.example: you get a "
	"connect link by mail",
	FORM_LINE},
    [TEXT_BOT_LINKED] = {"bot", "linked", USER,
	"This chat is now linked to account {account}, as {address}. "
	"Its messages, such as those about balance and payments, now come here "
	"too. You still get them by mail.\n"
	"/status says what comes here\n"
	"/stop ends it",
	FORM_LINES},
    [TEXT_BOT_USER] = {"bot", "user", USER, "account {account}, as {address}",
	FORM_LINE},
    [TEXT_BOT_STOPPED] = {"bot", "stopped", "",
	"This chat is no longer linked to:", FORM_LINES},
    [TEXT_BOT_STATUS] = {"bot", "status", "",
	"This chat is linked to:", FORM_LINES},
    [TEXT_BOT_STATUS_NONE] = {"bot", "status_none", "",
	"This chat is not linked. To link it, open the connect link "
	"that you were given for your account.",
	FORM_LINES},
    [TEXT_BOT_STOPPED_NONE] = {"bot", "stopped_none", "",
	"This chat is not linked.", FORM_LINES},
    [TEXT_BOT_GROUP] = {"bot", "group", "",
	"A group cannot be linked: everybody in it would read the "
	"messages. Open the link in a private chat with this bot.",
	FORM_LINES},
    [TEXT_BOT_REFUSED] = {"bot", "refused", "",
	"This link does not work: it was used already, or is older "
	"than 15 minutes, or you may not link a chat any more. "
	"Please ask for a new one where you got it.",
	FORM_LINES},
    [TEXT_BOT_WAIT] = {"bot", "wait", "count",
	"Too many links that do not work were opened in this chat. "
	"Wait for {count} minute, then open the link again or ask for a new "
	"one.",
	FORM_LINES},
    [TEXT_BOT_WAIT_MANY] = {"bot", "wait_many", "count",
	"Too many links that do not work were opened in this chat. "
	"Wait for {count} minutes, then open the link again or ask for a new "
	"one.",
	FORM_LINES},
    [TEXT_BOT_ASK] = {"bot", "ask", USER,
	"This chat cannot be linked to account {account}, as {address}: this "
	"user receives nothing that comes to Telegram. The owner or an "
	"administrator of the account can change that:",
	FORM_LINES},
    [TEXT_BOT_ASK_THEN] = {"bot", "ask_then", "", "Then open a new link.",
	FORM_LINES},
    [TEXT_BOT_LINK_WHAT] = {"bot", "link_what", "",
	"Write your mail address after /link, as in:\n"
	"/link ann@acme.example",
	FORM_LINES},
    [TEXT_BOT_LINK_ASKED] = {"bot", "link_asked", "",
	"If a chat may be linked for this address, a mail with a connect link "
	"arrives there in a few minutes. Open the link in it within 15 "
	"minutes. If no mail comes, ask again after 15 minutes, or ask the "
	"owner or an administrator of your account.",
	FORM_LINES},
    [TEXT_BOT_LINK_WAIT] = {"bot", "link_wait", "count",
	"Too many links were asked for in this chat. Wait for {count} minute, "
	"then ask again.",
	FORM_LINES},
    [TEXT_BOT_LINK_WAIT_MANY] = {"bot", "link_wait_many", "count",
	"Too many links were asked for in this chat. Wait for {count} minutes, "
	"then ask again.",
	FORM_LINES},
    [TEXT_BOT_FAREWELL] = {"bot", "farewell", "account",
	"This chat is no longer linked to account {account}. Its messages do "
	"not come here any more.",
	FORM_LINES},
    [TEXT_BOT_MENU_STATUS] = {"bot", "menu_status", "",
	"what this chat is linked to", FORM_SHORT},
    [TEXT_BOT_MENU_LINK] = {"bot", "menu_link", "",
	"get a connect link by mail", FORM_SHORT},
    [TEXT_BOT_MENU_STOP] = {"bot", "menu_stop", "", "unlink this chat",
	FORM_SHORT},
    [TEXT_LAST_LINE] = {"chat", "last_line", "category account",
	"{category} · {account}", FORM_LINE},
    [TEXT_LAST_LINE_TITLE] = {"chat", "last_line_title",
	"category account title", "{category} · {title} ({account})",
	FORM_LINE},
    [TEXT_LAST_LINE_NAMELESS] = {"chat", "last_line_nameless", "category",
	"{category}", FORM_LINE},
    [TEXT_CHAT_REST] = {"chat", "rest", "", "… (the mail has the rest)",
	FORM_SHORT},
    [TEXT_CHAT_EMPTY] = {"chat", "empty", "", "(no subject, no text)",
	FORM_SHORT},
    [TEXT_CHAT_FILES] = {"chat", "files", "count",
	"and {count} more attachment", FORM_SHORT},
    [TEXT_CHAT_FILES_MANY] = {"chat", "files_many", "count",
	"and {count} more attachments", FORM_SHORT},
};
