/*
 * check_postfix - does Postfix ask the milter, and heed it?
 */
#include <string.h>

#include "arena.h"
#include "check.h"
#include "ctl.h"
#include "output.h"
#include "settings.h"
#include "store.h"

static bool lists_socket(
    struct ctl *ctl, const char *milters, const char *queue);
static bool lets_through(const char *milters);
static void check_milters(
    struct ctl *ctl, const char *name, const char *queue, const char *matters);
static char *next_map(char **list);
static void check_transport(struct ctl *ctl);

/* A setting of the Postfix that $MAIL_CONFIG names, or the system's. */
const char *
check_postconf(struct ctl *ctl, const char *name)
{
	const char *const argv[] = {"postconf", "-xh", name, NULL};

	return (check_capture(ctl, argv));
}

/* Does a list of milters name our socket? Postfix may see a UNIX socket from
 * inside its queue directory. */
static bool
lists_socket(struct ctl *ctl, const char *milters, const char *queue)
{
	const char *ours = ctl->settings->socket, *path;
	char *copy, *word, *rest, *colon;

	copy = arena_strdup(ctl->arena, milters);
	if (copy == NULL)
		return (false);
	for (word = strtok_r(copy, ", \t\n{}", &rest); word != NULL;
	     word = strtok_r(NULL, ", \t\n{}", &rest)) {
		colon = strchr(word, ':');
		if (colon == NULL)
			continue;
		if (strncmp(ours, "inet", 4) == 0) {
			/* inet:port@host there is inet:host:port here. */
			path = strrchr(word, ':') + 1;
			if (strncmp(word, "inet", 4) == 0 &&
			    strncmp(
				strchr(ours, ':') + 1, path, strlen(path)) == 0)
				return (true);
			continue;
		}
		path = strchr(ours, ':') + 1;
		colon++;
		if (strcmp(path, colon) == 0)
			return (true);
		if (queue != NULL && strncmp(path, queue, strlen(queue)) == 0 &&
		    strcmp(path + strlen(queue) + (*colon != '/'), colon) == 0)
			return (true);
	}
	return (false);
}

/* Is a milter of the list to be done without when it is away? */
static bool
lets_through(const char *milters)
{
	const char *s = milters;

	while ((s = strstr(s, "default_action")) != NULL) {
		s += strlen("default_action");
		s += strspn(s, " \t=");
		if (strncmp(s, "accept", 6) == 0)
			return (true);
	}
	return (false);
}

static void
check_milters(
    struct ctl *ctl, const char *name, const char *queue, const char *matters)
{
	const char *value, *socket_name, *path;

	value = check_postconf(ctl, name);
	if (value == NULL)
		value = "";
	if (lets_through(value)) {
		check_finding(ctl, CHECK_ERROR, "postfix",
		    check_text(ctl,
			"%s has default_action=accept: while the milter is "
			"away, tagged mail goes out to whomever it was "
			"addressed",
			name),
		    check_text(ctl, "set default_action=tempfail in %s", name));
		return;
	}
	if (lists_socket(ctl, value, queue)) {
		check_finding(ctl, CHECK_OK, "postfix",
		    check_text(ctl, "%s names the milter", name), "");
		return;
	}
	socket_name = ctl->settings->socket;
	path = strchr(socket_name, ':') + 1;
	if (queue != NULL && strncmp(path, queue, strlen(queue)) == 0 &&
	    path[strlen(queue)] == '/')
		socket_name =
		    check_text(ctl, "unix:%s", path + strlen(queue) + 1);
	check_finding(ctl, CHECK_ERROR, "postfix",
	    check_text(
		ctl, "%s does not name the milter, so %s", name, matters),
	    check_text(ctl, "postconf -e '%s = %s%s%s'", name, socket_name,
		*value == '\0' ? "" : ", ", value));
}

/* Cut the next map off a list: words, which may have blanks in braces. */
static char *
next_map(char **list)
{
	char *start, *s;
	int depth;

	start = *list + strspn(*list, ", \t\n");
	if (*start == '\0')
		return (NULL);
	depth = 0;
	for (s = start; *s != '\0'; s++) {
		depth += (*s == '{') - (*s == '}');
		if (depth == 0 && strchr(", \t\n", *s) != NULL)
			break;
	}
	*list = *s == '\0' ? s : s + 1;
	*s = '\0';
	return (start);
}

/* Is there a road to the chats? */
static void
check_transport(struct ctl *ctl)
{
	const char *argv[] = {
	    "postmap", "-q", ctl->settings->telegram_domain, NULL, NULL};
	const char *maps, *found;
	char *copy, *word, *rest;

	maps = check_postconf(ctl, "transport_maps");
	copy = arena_strdup(ctl->arena, maps == NULL ? "" : maps);
	if (copy == NULL)
		return;
	for (rest = copy; (word = next_map(&rest)) != NULL;) {
		argv[3] = word;
		found = check_capture(ctl, argv);
		if (found != NULL && *found != '\0') {
			check_finding(ctl, CHECK_OK, "postfix",
			    check_text(ctl, "%s is routed to %s",
				ctl->settings->telegram_domain, found),
			    "");
			return;
		}
	}
	check_finding(ctl, CHECK_WARNING, "postfix",
	    check_text(ctl,
		"transport_maps has no route for %s, so what is "
		"mirrored to Telegram would bounce",
		ctl->settings->telegram_domain),
	    check_text(ctl,
		"add the line \"%s notify-telegram:\" to a transport "
		"map",
		ctl->settings->telegram_domain));
}

void
check_postfix(struct ctl *ctl)
{
	static const char *const maps[] = {
	    "canonical_maps", "recipient_canonical_maps", NULL};
	const char *queue, *value;
	int i;

	queue = check_postconf(ctl, "queue_directory");
	if (queue == NULL) {
		check_finding(ctl, CHECK_WARNING, "postfix",
		    "postconf cannot be run, so Postfix is not looked at", "");
		return;
	}
	check_milters(ctl, "smtpd_milters", queue,
	    "tagged mail that comes by SMTP is not looked at");
	check_milters(ctl, "non_smtpd_milters", queue,
	    "tagged mail from sendmail(1) is not looked at");
	value = check_postconf(ctl, "milter_default_action");
	if (value != NULL && strcmp(value, "tempfail") != 0)
		check_finding(ctl, CHECK_ERROR, "postfix",
		    check_text(ctl,
			"milter_default_action = %s: while the "
			"milter is away, tagged mail goes out to "
			"whomever it was addressed",
			value),
		    "postconf -e 'milter_default_action = tempfail'");
	for (i = 0; maps[i] != NULL; i++) {
		value = check_postconf(ctl, maps[i]);
		if (value == NULL || *value == '\0')
			continue;
		check_finding(ctl, CHECK_WARNING, "postfix",
		    check_text(ctl,
			"%s rewrites recipients: in mail from "
			"sendmail(1) the milter sees the new address, "
			"and its deletion does nothing",
			maps[i]),
		    "have tagged mail submitted by SMTP, or let that map "
		    "change no recipient of tagged mail");
	}
	/* Without a bot nobody has a chat, and nothing is mirrored. */
	if (*ctl->settings->bot != '\0')
		check_transport(ctl);
}
