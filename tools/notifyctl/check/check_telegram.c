/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_telegram - does the bot have its token, and does Postfix route mail to
 * the chats?
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "lib/child.h"
#include "lib/token.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"

#define TIMER "notify-notices.timer"
/* As master.cf has them; pipe(8) expands them. */
#define LAST_ARGUMENTS "${queue_id} ${recipient}"
/* The runs of notify-telegram at once that are recommended, and the most that
 * it has room for. That is AGENTS_MAX, which the layers keep apart from here: a
 * test compares them. */
#define PROCESSES "100"
#define PROCESSES_MAX 256

static const char waits[] =
    "without the bot's token nothing can be sent to a chat; messages for chats "
    "wait in the queue";

static const char *beside(struct check *, const char *);
static void check_bot(struct check *);
static void check_mailed_links(struct check *);
static void check_proxy(struct check *);
static void check_token_access(
    struct check *, const char *, const struct stat *);
static void check_token(struct check *);
static bool has_token(const char *);
static void check_name_of_bot(struct check *, const char *);
static void ask_telegram(struct check *);
static const char *argument(struct check *, const char *, const char *);
static const char *installed(struct check *);
static void add_entry(
    struct check *, const char *, const char *, const char *, const char *);
static void check_pipe(struct check *, const struct postconf_service *);
static void check_program(
    struct check *, const struct postconf_service *, const char *);
static void check_limit(struct check *, const char *);
static void check_processes(struct check *, const struct postconf_service *);
static const char *lookup_chat(
    struct check *, const char *, const char *, const char *);
static void check_transport(struct check *, const char *);
static void check_aliases(struct check *, const char *);

static void
check_bot(struct check *c)
{
	const struct settings *s = c->settings;

	if (*s->bot == '\0' && *s->token_file != '\0')
		check_setting(c, CHECK_WARNING, "token_file is set, bot is not",
		    "notifyctl telegram connect cannot make links, so no user "
		    "can link a chat",
		    "telegram", "bot = the bot's user name");
	if (strncasecmp(s->api, "http://", 7) == 0 &&
	    strncmp(s->api + 7, "127.", 4) != 0 &&
	    strncmp(s->api + 7, "localhost", 9) != 0 &&
	    strncmp(s->api + 7, "[::1]", 5) != 0)
		check_setting(c, CHECK_WARNING,
		    check_text(
			c, "[telegram] api = %s is not encrypted", s->api),
		    "the network can read the bot's token and the messages",
		    "telegram", "api = https://api.telegram.org");
}

/* What mails the links that people ask for in a chat. */
static void
check_mailed_links(struct check *c)
{
	static const char *const argv[] = {
	    "systemctl", "is-active", TIMER, NULL};
	struct failure failure = FAILURE_INIT;
	struct child child = CHILD_INIT(argv);
	struct child_result r = {0};

	if (!c->settings->link_by_mail)
		return;
	if (*c->settings->bot == '\0')
		check_setting(c, CHECK_ERROR,
		    "link_by_mail is yes, bot is not set",
		    "no link can be made: the bot does not answer /link",
		    "telegram", "bot = the bot's user name");
	if (*c->settings->from == '\0')
		check_setting(c, CHECK_NOTE,
		    "link_by_mail is yes, [mail] from is not set",
		    "the mail with a link has no sender that its reader knows",
		    "mail", "from = an address of yours");
	/* Elsewhere cron may run it. 3 and 4: it is not started, or unknown. */
	if (child_run(c->ctl->arena, &child, &r, &failure) == 0 &&
	    (r.status == 3 || r.status == 4))
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    "link_by_mail is yes, " TIMER " is not active",
		    "whoever asks the bot for a link by mail gets none, unless "
		    "something else runs \"notifyctl notices send\" each "
		    "minute",
		    "systemctl enable --now " TIMER);
	failure_clear(&failure);
}

/* The programs do not read the environment; who sets it may expect that. */
static void
check_proxy(struct check *c)
{
	static const char *const names[] = {"https_proxy", "HTTPS_PROXY",
	    "http_proxy", "all_proxy", "ALL_PROXY"};
	const char *proxy = c->settings->proxy, *file = c->ctl->file;
	struct stat st;
	size_t i;

	for (i = 0; *proxy == '\0' && i < sizeof(names) / sizeof(names[0]);
	     i++) {
		if (getenv(names[i]) == NULL || *getenv(names[i]) == '\0')
			continue;
		check_setting(c, CHECK_NOTE,
		    check_text(
			c, "%s is set here, [telegram] proxy is not", names[i]),
		    "notify-bot and notify-telegram reach Telegram by the "
		    "proxy of the settings alone; without it messages for "
		    "chats wait if this machine has no other way",
		    "telegram", "proxy = http://HOST:PORT");
		break;
	}
	if (strchr(proxy, '@') != NULL && stat(file, &st) == 0 &&
	    (st.st_mode & S_IROTH) != 0)
		check_found(c, CHECK_WARNING, CHECK_RUN,
		    check_text(c,
			"%s is readable by everyone, and has a password of the "
			"proxy",
			file),
		    "anyone on this machine can use the proxy",
		    c->user == NULL
			? check_text(c, "chmod o-r %s", check_quote(c, file))
			: check_text(c, "chgrp %s %s && chmod g+r,o-r %s",
			      check_group(c), check_quote(c, file),
			      check_quote(c, file)));
}

/* The program ${name} in the directory of this one; NULL if there is none. */
static const char *
beside(struct check *c, const char *name)
{
	const char *program = check_text(c, "%s/%s", check_home(c), name);

	return (access(program, X_OK) == 0 ? program : NULL);
}

/* ${name}: of the bot whose token it is. Its case makes no difference. */
static void
check_name_of_bot(struct check *c, const char *name)
{
	const char *bot = c->settings->bot;

	if (*bot == '\0' || strcasecmp(bot, name) == 0)
		return;
	check_setting(c, CHECK_WARNING,
	    check_text(c, "the token in %s is that of the bot %s, not of %s",
		c->settings->token_file, name, bot),
	    "connect links lead to another bot, which links no chat",
	    "telegram", check_text(c, "bot = %s", name));
}

/* notify-bot, which can, asks whose the token is. */
static void
ask_telegram(struct check *c)
{
	const char *program = beside(c, "notify-bot");
	const char *const argv[] = {program, "-t", "-c", c->ctl->file, NULL};
	const char *file = c->settings->token_file, *why;
	struct failure failure = FAILURE_INIT;
	struct child child = CHILD_INIT(argv);
	struct child_result r = {0};
	static const char not_asked[] = "the token, without asking Telegram";

	if (program == NULL || child_run(c->arena, &child, &r, &failure) != 0) {
		failure_clear(&failure);
		check_looked(c, not_asked);
		return;
	}
	why = strncmp(r.message, "notify-bot: ", 12) == 0 ? r.message + 12
							  : r.message;
	switch (r.status) {
	case EX_OK:
		check_name_of_bot(
		    c, check_text(c, "%.*s", (int)strcspn(r.out, "\n"), r.out));
		break;
	case EX_NOPERM:
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c, "token_file %s: %s", file, why), waits,
		    check_text(
			c, "the token that BotFather gave you, in %s", file));
		break;
	case EX_TEMPFAIL:
		check_found(c, CHECK_WARNING, CHECK_DO,
		    check_text(c, "Telegram at %s could not be asked: %s",
			c->settings->api, why),
		    "as long as that lasts, messages for chats wait in the "
		    "queue, and no chat can be linked",
		    check_text(c,
			"see that this machine reaches %s; [telegram] proxy "
			"names a way",
			c->settings->api));
		break;
	default: /* what was found before */
		check_looked(c, not_asked);
		break;
	}
}

/* False if the file can be read, and has none. */
static bool
has_token(const char *file)
{
	struct failure failure = FAILURE_INIT;
	char token[TOKEN_SIZE];
	bool none;

	none = token_read(file, token, &failure) != 0 &&
	    failure.kind == FAILURE_DATA;
	explicit_bzero(token, sizeof(token));
	failure_clear(&failure);
	return (!none);
}

/* Can others, or not the milter's user, read the token? */
static void
check_token_access(struct check *c, const char *file, const struct stat *st)
{
	const char *user, *restrict_it;
	int rc;

	user = c->user == NULL ? "notify-milter" : c->user->pw_name;
	restrict_it = check_text(c, "chown %s: %s && chmod 600 %s",
	    check_quote(c, user), check_quote(c, file), check_quote(c, file));
	if (st->st_mode & (S_IRWXO | S_IWGRP) ||
	    (st->st_mode & S_IRGRP && st->st_gid != 0 && c->user != NULL &&
		st->st_gid != c->user->pw_gid))
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c,
			"token_file %s is open to users other than "
			"%s",
			file, user),
		    "with the token anybody can read messages to the bot, and "
		    "write to every linked chat",
		    restrict_it);
	rc = c->user == NULL ? 0 : check_access(c->user, file, R_OK);
	if (rc > 0)
		check_found(c, CHECK_ERROR, CHECK_RUN,
		    check_text(c, "%s cannot read token_file %s", user, file),
		    "notify-telegram runs as that user, and cannot send; "
		    "messages for chats wait in the queue",
		    (size_t)rc == strlen(file) ? restrict_it
					       : check_search(c, file, rc));
}

static void
check_token(struct check *c)
{
	const char *file = c->settings->token_file, *line;
	struct stat st;

	if (*file == '\0') {
		if (*c->settings->bot != '\0')
			check_setting(c, CHECK_ERROR, "token_file is not set",
			    waits, "telegram",
			    "token_file = /etc/notify-milter/secret/bot-token");
		return;
	}
	line = check_text(c, "the token that BotFather gave you, in %s", file);
	if (stat(file, &st) != 0) {
		if (errno != EACCES || geteuid() == 0)
			check_found(c, CHECK_ERROR, CHECK_PUT,
			    check_text(
				c, "token_file %s: %s", file, strerror(errno)),
			    waits, line);
		return;
	}
	check_token_access(c, file, &st);
	if (!has_token(file))
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(c, "token_file %s has no token", file), waits,
		    line);
	else if (!c->setup)
		ask_telegram(c);
}

/* The value of an argument of pipe(8), or NULL. */
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

/* A notify-telegram that the milter's user can run: beside this program, if
 * that is possible. */
static const char *
installed(struct check *c)
{
	const char *program = beside(c, "notify-telegram");

	if (program != NULL &&
	    (c->user == NULL || check_access(c->user, program, X_OK) == 0))
		return (program);
	return ("/usr/local/sbin/notify-telegram");
}

/* A finding whose fix is the right entry in master.cf. */
static void
add_entry(struct check *c, const char *what, const char *why, const char *name,
    const char *program)
{
	const char *user = c->settings->user;

	check_found(c, CHECK_ERROR, CHECK_POSTCONF, what, why,
	    check_text(c, "postconf%s -M %s", c->postfix->option,
		check_quote(c,
		    check_text(c,
			"%s/unix = %s unix - n n - " PROCESSES
			" pipe -o soft_bounce=yes "
			"user=%s argv=%s -c %s " LAST_ARGUMENTS,
			name, name, *user == '\0' ? "notify-milter" : user,
			program == NULL ? installed(c) : program,
			c->ctl->file))));
}

static void
check_program(
    struct check *c, const struct postconf_service *s, const char *program)
{
	const char *arguments, *file;
	size_t len, end;

	if (c->user != NULL && check_access(c->user, program, X_OK) > 0)
		add_entry(c,
		    check_text(c, "%s runs %s, which %s cannot run", s->key,
			program, c->user->pw_name),
		    "nothing can be sent to a chat", s->name, NULL);
	arguments = strstr(s->command, "argv=") + 5;
	len = strlen(arguments);
	end = strlen(LAST_ARGUMENTS);
	if (len < end || strcmp(arguments + len - end, LAST_ARGUMENTS) != 0) {
		add_entry(c,
		    check_text(c, "argv of %s does not end with %s", s->key,
			LAST_ARGUMENTS),
		    "notify-telegram needs the queue id and the chat, and "
		    "sends nothing without them",
		    s->name, program);
		return;
	}
	file = strstr(arguments, " -c ");
	file = file == NULL
	    ? SETTINGS_FILE
	    : check_text(c, "%.*s", (int)strcspn(file + 4, " "), file + 4);
	if (strcmp(file, c->ctl->file) != 0)
		add_entry(c,
		    check_text(c,
			"%s runs notify-telegram with the settings %s", s->key,
			file),
		    check_text(c,
			"the milter's are %s; others may name another database "
			"or another bot",
			c->ctl->file),
		    s->name, program);
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
		add_entry(c,
		    check_text(c, "%s cannot run notify-telegram", s->key),
		    "it must be a pipe with user= and argv=, without chroot, "
		    "and privileged so that it can become that user; messages "
		    "for chats are not delivered",
		    s->name, NULL);
		return;
	}
	len = strcspn(user, ":");
	if (*c->settings->user != '\0' &&
	    (strncmp(user, c->settings->user, len) != 0 ||
		c->settings->user[len] != '\0'))
		add_entry(c,
		    check_text(c, "%s runs as %s, the milter as %s", s->key,
			user, c->settings->user),
		    "only the milter's user should be able to read the token "
		    "and the roster",
		    s->name, program);
	check_program(c, s, program);
	bounce = postconf_for(c->postfix, s, "soft_bounce");
	if (strcasecmp(bounce, "yes") != 0)
		check_edit(c, CHECK_WARNING,
		    check_text(c, "%s has no soft_bounce=yes", s->key),
		    "if pipe(8) cannot run the program one day, messages for "
		    "chats are discarded instead of deferred",
		    s, "soft_bounce", "yes");
	check_processes(c, s);
}

/* notify-telegram takes one recipient. */
static void
check_limit(struct check *c, const char *transport)
{
	const char *name, *value;

	name = check_text(c, "%s_destination_recipient_limit", transport);
	value = postconf_value(c->postfix, name);
	if (strcmp(value, "1") == 0)
		return;
	check_edit(c, CHECK_ERROR,
	    check_text(
		c, "%s is %s, not 1", name, *value == '\0' ? "not set" : value),
	    "notify-telegram takes one recipient; a message for several chats "
	    "reaches none of them",
	    NULL, name, "1");
}

/* How many chats get their messages at the same time? */
static void
check_processes(struct check *c, const struct postconf_service *s)
{
	const char *limit = s->limit;
	long n;

	if (strcmp(limit, "-") == 0)
		limit = postconf_value(c->postfix, "default_process_limit");
	n = strtol(limit, NULL, 10);
	if (n > 1 && n <= PROCESSES_MAX)
		return;
	check_found(c, n == 1 ? CHECK_NOTE : CHECK_WARNING, CHECK_POSTCONF,
	    check_text(c, "the process limit of %s is %s", s->key, limit),
	    n == 1 ? "chats get their messages one after the other: a request "
		     "that hangs delays those to all other chats for 30 s"
		   : check_text(c,
			 "no more than %d notify-telegram run at once, further "
			 "messages for chats are deferred",
			 PROCESSES_MAX),
	    check_text(c, "postconf%s -F %s", c->postfix->option,
		check_quote(c,
		    check_text(c, "%s/process_limit = " PROCESSES, s->key))));
}

/* What ${maps} have for a chat: for ${address}, else for ${domain}. */
static const char *
lookup_chat(
    struct check *c, const char *maps, const char *address, const char *domain)
{
	const char *found;

	maps = postconf_value(c->postfix, maps);
	found = check_lookup(c, maps, address);
	return (found == NULL ? check_lookup(c, maps, domain) : found);
}

static void
check_transport(struct check *c, const char *address)
{
	const struct postconf *pc = c->postfix;
	const char *domain = c->settings->telegram_domain, *found, *name;
	const struct postconf_service *s;
	size_t failed = c->failed_lookups;

	found = lookup_chat(c, "transport_maps", address, domain);
	if (found == NULL && c->failed_lookups > failed)
		return;
	if (found == NULL) {
		name = postconf_given(pc, "transport_maps");
		check_edit(c, CHECK_ERROR,
		    check_text(c, "transport_maps has no route for %s", domain),
		    "messages for chats are not delivered", NULL,
		    "transport_maps",
		    check_text(c, "%s%sinline:{ %s=notify-telegram: }", name,
			*name == '\0' ? "" : ", ", domain));
		found = "notify-telegram:";
	}
	name = check_text(c, "%.*s", (int)strcspn(found, ":"), found);
	s = postconf_service(pc, name, "unix");
	if (s != NULL && !postconf_runs(s, "pipe")) {
		check_found(c, CHECK_ERROR, CHECK_PUT,
		    check_text(
			c, "transport_maps routes %s to %s", domain, found),
		    "that service does not run notify-telegram, so messages "
		    "for chats go elsewhere",
		    check_text(c, "%s notify-telegram:", domain));
		return;
	}
	if (s != NULL)
		check_pipe(c, s);
	else
		add_entry(c,
		    check_text(c, "master.cf has no %s, to which %s is routed",
			*name == '\0' ? "transport" : name, domain),
		    "messages for chats wait in the queue",
		    *name == '\0' ? "notify-telegram" : name, NULL);
	check_limit(c, *name == '\0' ? "notify-telegram" : name);
}

static void
check_aliases(struct check *c, const char *address)
{
	const char *domain = c->settings->telegram_domain, *found;

	found = lookup_chat(
	    c, "virtual_alias_maps", address, check_text(c, "@%s", domain));
	if (found == NULL || strcasecmp(found, address) == 0)
		return;
	check_found(c, CHECK_ERROR, CHECK_DO,
	    check_text(
		c, "virtual_alias_maps turns %s into %s", address, found),
	    "messages for a chat go there instead",
	    check_text(
		c, "use virtual_alias_maps that do not match %s", address));
}

void
check_telegram(struct check *c)
{
	const char *chat = check_text(c, "1@%s", c->settings->telegram_domain);

	check_bot(c);
	check_mailed_links(c);
	/* Without a bot and links nothing is mirrored. */
	if (*c->settings->bot == '\0' && !c->links)
		return;
	check_token(c);
	check_proxy(c);
	if (c->postfix != NULL) {
		check_transport(c, chat);
		check_aliases(c, chat);
	}
	check_looked(c, "Telegram");
}
