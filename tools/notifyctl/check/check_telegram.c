/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_telegram - has the bot its token, and is there a road to the chats?
 */
#include <ctype.h>
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

/* As one writes them in master.cf; pipe(8) puts the values in. */
#define LAST_ARGUMENTS "${queue_id} ${recipient}"

static void check_bot(struct check *);
static void check_token(struct check *);
static bool is_token(const char *);
static const char *argument(struct check *, const char *, const char *);
static const char *entry(struct check *, const char *, const char *);
static void check_pipe(struct check *, const struct postconf_service *);
static void check_program(
    struct check *, const struct postconf_service *, const char *);
static void check_limit(struct check *, const char *);
static void check_transport(struct check *);

static void
check_bot(struct check *c)
{
	const struct settings *s = c->settings;

	if (*s->bot == '\0' && *s->token_file != '\0')
		check_found(c, CHECK_WARNING, CHECK_PUT,
		    "token_file is set, bot is not",
		    "notifyctl telegram connect cannot make links, so nobody "
		    "can link a chat",
		    check_setting(c, "telegram", "bot = the bot's user name"));
	if (strncasecmp(s->api, "http://", 7) == 0 &&
	    strncmp(s->api + 7, "127.", 4) != 0 &&
	    strncmp(s->api + 7, "localhost", 9) != 0 &&
	    strncmp(s->api + 7, "[::1]", 5) != 0)
		check_found(c, CHECK_WARNING, CHECK_PUT,
		    check_text(
			c, "[telegram] api = %s is not encrypted", s->api),
		    "the bot's token and the messages can be read on the way",
		    check_setting(
			c, "telegram", "api = https://api.telegram.org"));
}

static bool
is_token(const char *file)
{
	char token[512];
	FILE *stream;
	size_t i, len;

	stream = fopen(file, "re");
	if (stream == NULL)
		return (true); /* that is said elsewhere */
	len = fread(token, 1, sizeof(token), stream);
	fclose(stream);
	while (len > 0 && isspace((unsigned char)token[len - 1]))
		len--;
	for (i = 0; i < len; i++) {
		if (!isalnum((unsigned char)token[i]) &&
		    (token[i] == '\0' || strchr(":_-", token[i]) == NULL))
			return (false);
	}
	return (
	    len > 0 && len < sizeof(token) && memchr(token, ':', len) != NULL);
}

static void
check_token(struct check *c)
{
	const char *file = c->settings->token_file, *user, *mend;
	struct stat st;
	int rc;

	if (*file == '\0') {
		if (*c->settings->bot == '\0')
			return;
		check_found(c, CHECK_ERROR, CHECK_PUT, "token_file is not set",
		    "without the bot's token nothing can be sent to a chat; "
		    "what is mirrored waits in the queue",
		    check_setting(c, "telegram",
			"token_file = /etc/notify-milter/token"));
		return;
	}
	if (stat(file, &st) != 0) {
		if (errno == EACCES && geteuid() != 0)
			return;
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c, "token_file %s: %s", file, strerror(errno)),
		    "without the bot's token nothing can be sent to a chat; "
		    "what is mirrored waits in the queue",
		    check_text(c, "the line that BotFather gave, in %s", file));
		return;
	}
	user = c->user == NULL ? "notify-milter" : c->user->pw_name;
	mend = check_text(c, "chown %s: %s && chmod 600 %s",
	    check_quote(c, user), check_quote(c, file), check_quote(c, file));
	if (st.st_mode & (S_IRWXO | S_IWGRP) ||
	    (st.st_mode & S_IRGRP && st.st_gid != 0 && c->user != NULL &&
		st.st_gid != c->user->pw_gid))
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "token_file %s is open to others than %s",
			file, user),
		    "whoever has the token is the bot: reads what people say "
		    "to it and writes to their chats",
		    mend);
	rc = c->user == NULL ? 0 : check_access(c->user, file, R_OK);
	if (rc > 0)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot read token_file %s", user, file),
		    "notify-telegram runs as that user, and cannot send; what "
		    "is mirrored waits in the queue",
		    (size_t)rc == strlen(file)
			? mend
			: check_text(c, "chmod o+x %s",
			      check_quote(c, check_text(c, "%.*s", rc, file))));
	if (!is_token(file))
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c, "token_file %s holds no token", file),
		    "nothing can be sent to a chat; what is mirrored waits in "
		    "the queue",
		    check_text(c, "the line that BotFather gave, in %s", file));
}

/* The value of an argument of pipe(8), up to the next blank; or NULL. */
static const char *
argument(struct check *c, const char *command, const char *name)
{
	const char *at;

	at = strstr(command, check_text(c, " %s=", name));
	if (at == NULL)
		return (NULL);
	at += strlen(name) + 2;
	return (check_text(c, "%.*s", (int)strcspn(at, " "), at));
}

/* The command that makes the entry in master.cf as it should be. */
static const char *
entry(struct check *c, const char *name, const char *program)
{
	char self[4096];
	ssize_t len;

	if (program == NULL) {
		len = readlink("/proc/self/exe", self, sizeof(self) - 1);
		self[len < 0 ? 0 : len] = '\0';
		program = check_text(
		    c, "%s/notify-telegram", check_directory(c, self));
		if (access(program, X_OK) != 0)
			program = "/usr/local/sbin/notify-telegram";
	}
	return (check_text(c, "%s -M %s", c->postfix->command,
	    check_quote(c,
		check_text(c,
		    "%s/unix = %s unix - n n - 1 pipe -o soft_bounce=yes "
		    "user=%s argv=%s -c %s " LAST_ARGUMENTS,
		    name, name,
		    *c->settings->user == '\0' ? "notify-milter"
					       : c->settings->user,
		    program, c->ctl->file))));
}

static void
check_program(
    struct check *c, const struct postconf_service *s, const char *program)
{
	const char *arguments, *file;
	size_t len, end;

	if (c->user != NULL && check_access(c->user, program, X_OK) > 0)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s runs %s, which %s cannot run", s->key,
			program, c->user->pw_name),
		    "nothing can be sent to a chat", entry(c, s->name, NULL));
	arguments = strstr(s->command, "argv=") + 5;
	len = strlen(arguments);
	end = strlen(LAST_ARGUMENTS);
	if (len < end || strcmp(arguments + len - end, LAST_ARGUMENTS) != 0) {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "argv of %s does not end with %s", s->key,
			LAST_ARGUMENTS),
		    "notify-telegram does not learn which message it has and "
		    "for which chat, and sends nothing",
		    entry(c, s->name, program));
		return;
	}
	file = strstr(arguments, " -c ");
	file = file == NULL
	    ? SETTINGS_FILE
	    : check_text(c, "%.*s", (int)strcspn(file + 4, " "), file + 4);
	if (strcmp(file, c->ctl->file) != 0)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c,
			"%s runs notify-telegram with the settings "
			"%s",
			s->key, file),
		    check_text(c,
			"the milter's are %s, and with others it has another "
			"database or another bot",
			c->ctl->file),
		    entry(c, s->name, program));
}

static void
check_pipe(struct check *c, const struct postconf_service *s)
{
	const char *user, *program, *bounce;
	size_t len;

	program = argument(c, s->command, "argv");
	user = argument(c, s->command, "user");
	if (!postconf_runs(s, "pipe") || program == NULL || user == NULL ||
	    s->chroot || !s->privileged) {
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s is no pipe that can run notify-telegram",
			s->key),
		    "it must be a pipe with user= and argv=, outside the "
		    "chroot and with the right to become that user; what is "
		    "mirrored goes nowhere",
		    entry(c, s->name, NULL));
		return;
	}
	len = strcspn(user, ":");
	if (*c->settings->user != '\0' &&
	    (strncmp(user, c->settings->user, len) != 0 ||
		c->settings->user[len] != '\0'))
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s runs as %s, the milter as %s", s->key,
			user, c->settings->user),
		    "another user can read neither the token nor the roster, "
		    "or should not be able to",
		    entry(c, s->name, program));
	check_program(c, s, program);
	bounce = postconf_for(c->postfix, s, "soft_bounce");
	if (strcmp(bounce, "yes") != 0)
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(c, "%s has no soft_bounce=yes", s->key),
		    "if the program cannot be run one day, what waits for "
		    "chats is thrown away instead of kept",
		    postconf_edit(c->postfix, s, "soft_bounce", "yes"));
}

/* One run, one chat: the program takes one recipient. */
static void
check_limit(struct check *c, const char *transport)
{
	const char *name, *value;

	name = check_text(c, "%s_destination_recipient_limit", transport);
	value = postconf_value(c->postfix, name);
	if (strcmp(value, "1") == 0)
		return;
	check_found(c, CHECK_ERROR, CHECK_RUN,
	    check_text(
		c, "%s is %s, not 1", name, *value == '\0' ? "not set" : value),
	    "notify-telegram is given one recipient at a time; of a message "
	    "for several chats none gets it",
	    postconf_edit(c->postfix, NULL, name, "1"));
}

static void
check_transport(struct check *c)
{
	const struct postconf *pc = c->postfix;
	const char *domain = c->settings->telegram_domain, *maps, *found;
	const char *address = check_text(c, "1@%s", domain), *name;
	const struct postconf_service *s;
	size_t failures = pc->failures;

	maps = postconf_value(pc, "transport_maps");
	found = postconf_lookup(pc, maps, address);
	if (found == NULL)
		found = postconf_lookup(pc, maps, domain);
	if (found == NULL && pc->failures > failures)
		return;
	if (found == NULL) {
		maps = postconf_given(pc, "transport_maps");
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "transport_maps has no route for %s", domain),
		    "what is mirrored to Telegram goes nowhere",
		    postconf_edit(pc, NULL, "transport_maps",
			check_text(c, "%s%sinline:{ %s=notify-telegram: }",
			    maps, *maps == '\0' ? "" : ", ", domain)));
		found = "notify-telegram:";
	}
	name = check_text(c, "%.*s", (int)strcspn(found, ":"), found);
	s = postconf_service(pc, name, "unix");
	if (s == NULL)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "master.cf has no %s, to which %s is routed",
			*name == '\0' ? "transport" : name, domain),
		    "what is mirrored to Telegram waits in the queue, and goes "
		    "nowhere",
		    entry(c, *name == '\0' ? "notify-telegram" : name, NULL));
	else if (postconf_runs(s, "pipe"))
		check_pipe(c, s);
	else
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(
			c, "transport_maps routes %s to %s", domain, found),
		    "that does not run notify-telegram, so what is mirrored "
		    "goes elsewhere",
		    check_text(c, "%s notify-telegram:", domain));
	if (s == NULL || postconf_runs(s, "pipe"))
		check_limit(c, *name == '\0' ? "notify-telegram" : name);
	maps = postconf_value(pc, "virtual_alias_maps");
	found = postconf_lookup(pc, maps, address);
	if (found == NULL)
		found = postconf_lookup(pc, maps, check_text(c, "@%s", domain));
	if (found != NULL && strcasecmp(found, address) != 0)
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c, "virtual_alias_maps turns %s into %s",
			address, found),
		    "what is mirrored to a chat goes there instead",
		    check_text(c,
			"a map in virtual_alias_maps that does not match %s",
			address));
}

void
check_telegram(struct check *c)
{
	c->part = "telegram";
	check_bot(c);
	/* Without a bot and links nothing is mirrored. */
	if (*c->settings->bot == '\0' && !c->links)
		return;
	check_token(c);
	if (c->postfix != NULL)
		check_transport(c);
	check_looked(c, "Telegram");
}
