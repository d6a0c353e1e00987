/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - notifyctl check, and notifyctl postfix
 *
 * Both run the parts (check_*.c) one after another. check shows what they found
 * at the end; a sound installation gets one line. postfix prints the commands
 * among the cures, as a script: nothing for what is right already.
 */
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "lib/identity.h"
#include "lib/shell.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/postconf.h"
#include "notifyctl/postfix/sendmail.h"
#include "settings/settings.h"

/* A finding names at most this many, and counts the others. */
#define NAMED_MAX 3

static const char *advice_for(struct check *, const struct failure *);
static void read_postfix(struct check *);
static bool has_failed(struct check *, const char *);
static void note_failed(struct check *, const char *);
static const char *lookup(struct check *, const char *, const char *);
static void show_finding(struct output *, const struct check_finding *);
static void show_people(struct check *);
static bool is_command(const struct check_finding *);
static bool shares_fix(
    const struct check_finding *, const struct check_finding *);
static void show_command(struct output *, const struct check_finding *);
static void show_table(struct check *);

/* From the settings outwards. */
static const struct {
	const char *part;
	void (*look)(struct check *);
	bool postfix; /* needs Postfix's settings */
	bool setup;   /* sets Postfix up */
} parts[] = {
    {"settings", check_settings, false, true},
    {"postfix", read_postfix, false, true},
    {"postfix", check_running, true, true},
    {"postfix", check_tags_read, true, false},
    {"postfix", check_filters_read, true, true},
    {"postfix", check_copies_read, true, false},
    {"database", check_database, false, false},
    {"socket", check_socket, false, false},
    {"postfix", check_postfix, true, true},
    {"postfix", check_services, true, true},
    {"postfix", check_sendmail, true, true},
    {"postfix", check_milters, true, false},
    {"settings", check_clients, true, false},
    {"postfix", check_domains, true, true},
    {"postfix", check_cleanup, true, true},
    {"postfix", check_copies, true, false},
    {"postfix", check_headers, true, true},
    {"postfix", check_redirect, true, false},
    {"held", check_held, true, false},
    {"telegram", check_telegram, false, true},
    {"texts", check_texts, false, false},
};

static const char *const severities[] = {
    [CHECK_NOTE] = "note",
    [CHECK_WARNING] = "warning",
    [CHECK_ERROR] = "error",
};

static const struct {
	const char *verb;
	bool command;
} fixes[] = {
    [CHECK_RUN] = {"run", true},
    [CHECK_POSTCONF] = {"run", true},
    [CHECK_SETTING] = {"put", false},
    [CHECK_RESTART] = {"put", false},
    [CHECK_PUT] = {"put", false},
    [CHECK_DO] = {"do", false},
};

static int check(struct ctl *, const struct arguments *);
static int setup(struct ctl *, const struct arguments *);

const struct ctl_command check_commands[] = {
    {"postfix", "", "print the commands that set Postfix up", 0, 0, CTL_NOTHING,
	.run = setup},
    {"check", "", "what is wrong with the installation, and how to fix it", 0,
	0, CTL_NOTHING, .run = check},
    {.name = NULL},
};

const char *
check_text(struct check *c, const char *fmt, ...)
{
	va_list ap;
	char *text, *s;

	va_start(ap, fmt);
	text = arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	/* SQLite's integrity check reports several lines. */
	for (s = text; *s != '\0'; s++) {
		if (*s == '\n')
			*s = ' ';
	}
	return (text);
}

void
check_name(struct check *c, const char **names, size_t n, const char *fmt, ...)
{
	va_list ap;
	const char *name;

	if (n > NAMED_MAX)
		return;
	va_start(ap, fmt);
	name = n == NAMED_MAX ? "..." : arena_vprintf(c->arena, fmt, ap);
	va_end(ap);
	*names = n == 0 ? check_text(c, "%s", name)
			: check_text(c, "%s, %s", *names, name);
}

void
check_found(struct check *c, enum check_severity severity, enum check_fix how,
    const char *what, const char *why, const char *fix)
{
	struct check_finding *f;

	for (f = c->first; f != NULL; f = f->next) {
		if (strcmp(f->what, what) == 0)
			return;
	}
	if (severity == CHECK_ERROR)
		c->ctl->status = EX_CONFIG;
	f = arena_alloc(c->arena, sizeof(*f));
	*f = (struct check_finding){
	    .severity = severity,
	    .part = c->part,
	    .what = what,
	    .why = why,
	    .how = how,
	    .fix = fix,
	};
	*c->last = f;
	c->last = &f->next;
}

void
check_edit(struct check *c, enum check_severity severity, const char *what,
    const char *why, const struct postconf_service *service, const char *name,
    const char *value)
{
	check_found(c, severity, CHECK_POSTCONF, what, why,
	    postconf_edit(c->postfix, service, name, value));
}

const struct postconf_service *
check_setter(
    struct check *c, const struct postconf_service *s, const char *name)
{
	return (postconf_override(c->postfix, s, name) == NULL ? NULL : s);
}

const char *
check_label(struct check *c, const struct postconf_service *s, const char *name)
{
	s = check_setter(c, s, name);
	return (s == NULL ? name : check_text(c, "%s of %s", name, s->key));
}

void
check_setting(struct check *c, enum check_severity severity, const char *what,
    const char *why, const char *section, const char *line)
{
	enum check_fix how = CHECK_SETTING;

	/* The milter reads these two once. */
	if (strncmp(line, "socket =", 8) == 0 ||
	    strncmp(line, "user =", 6) == 0)
		how = CHECK_RESTART;
	check_found(c, severity, how, what, why,
	    check_text(c, "in [%s] of %s: %s", section, c->ctl->file, line));
}

void
check_unseen(struct check *c, const char *what, const char *why)
{
	check_found(c, CHECK_NOTE, CHECK_RUN, what, why,
	    check_text(c, "sudo %s", check_notifyctl(c, "check")));
}

void
check_looked(struct check *c, const char *text)
{
	c->looked_at = c->looked_at == NULL
	    ? text
	    : check_text(c, "%s; %s", c->looked_at, text);
}

const char *
check_quote(struct check *c, const char *text)
{
	return (shell_quote(c->arena, text));
}

const char *
check_notifyctl(struct check *c, const char *arguments)
{
	if (strcmp(c->ctl->file, SETTINGS_FILE) == 0)
		return (check_text(c, "notifyctl %s", arguments));
	return (check_text(
	    c, "notifyctl -c %s %s", check_quote(c, c->ctl->file), arguments));
}

const char *
check_directory(struct check *c, const char *path)
{
	return (dirname(arena_strdup(c->arena, path)));
}

const char *
check_home(struct check *c)
{
	char self[4096];
	ssize_t len;

	len = readlink("/proc/self/exe", self, sizeof(self) - 1);
	self[len < 0 ? 0 : len] = '\0';
	return (check_directory(c, self));
}

const struct passwd *
check_passwd(struct check *c, const char *name)
{
	const struct passwd *found;
	struct passwd *pw;

	found = getpwnam(name);
	if (found == NULL)
		return (NULL);
	pw = arena_alloc(c->arena, sizeof(*pw));
	pw->pw_uid = found->pw_uid;
	pw->pw_gid = found->pw_gid;
	pw->pw_name = arena_strdup(c->arena, found->pw_name);
	return (pw);
}

const char *
check_group(struct check *c)
{
	const struct group *gr = getgrgid(c->user->pw_gid);

	if (gr == NULL)
		return (check_text(c, "%u", (unsigned)c->user->pw_gid));
	return (check_quote(c, gr->gr_name));
}

/* Has a lookup in ${map} failed? Another one might take as long to fail. */
static bool
has_failed(struct check *c, const char *map)
{
	const struct check_map *f;

	for (f = c->failed; f != NULL; f = f->next) {
		if (strcmp(f->map, map) == 0) {
			c->failed_lookups++;
			return (true);
		}
	}
	return (false);
}

static void
note_failed(struct check *c, const char *map)
{
	struct check_map *f = arena_alloc(c->arena, sizeof(*f));

	f->map = arena_strdup(c->arena, map);
	f->next = c->failed;
	c->failed = f;
	c->failed_lookups++;
}

static const char *
lookup(struct check *c, const char *map, const char *key)
{
	struct failure failure = FAILURE_INIT;
	const char *value;
	int rc;

	if (strchr(map, ':') == NULL || has_failed(c, map))
		return (NULL);
	/* With root's real and another effective user, Postfix's commands do
	 * not heed $MAIL_CONFIG. */
	identity_suspend();
	rc = postconf_lookup(c->postfix, map, key, &value, &failure);
	identity_resume();
	if (rc == -1) {
		note_failed(c, map);
		check_found(c, CHECK_NOTE, CHECK_RUN,
		    check_text(c, "lookup in %s fails: %s", map,
			failure_text(&failure)),
		    "what depends on the result was not checked",
		    check_text(c, "postmap -q %s %s", check_quote(c, key),
			check_quote(c, map)));
	}
	failure_clear(&failure);
	return (rc == 1 && *value != '\0' ? value : NULL);
}

const char *
check_lookup(struct check *c, const char *maps, const char *key)
{
	char *rest, *map;
	const char *found = NULL;

	rest = arena_strdup(c->arena, maps);
	while (found == NULL && (map = postconf_word(&rest)) != NULL)
		found = lookup(c, map, key);
	return (found);
}

/* What to do if postconf(1) fails so. */
static const char *
advice_for(struct check *c, const struct failure *failure)
{
	const char *text = failure_text(failure);

	if (failure->kind == FAILURE_UNKNOWN)
		return ("have Postfix installed, and postconf in $PATH");
	if (strstr(text, "Permission denied") != NULL)
		return (
		    check_text(c, "run: sudo %s", check_notifyctl(c, "check")));
	if (strstr(text, "No such file") != NULL)
		return ("restore that file, or make one (on Debian: "
			"dpkg-reconfigure postfix); if Postfix's settings are "
			"not in that directory, set $MAIL_CONFIG to it");
	return ("correct main.cf or master.cf: Postfix cannot read it either");
}

static void
read_postfix(struct check *c)
{
	struct failure failure = FAILURE_INIT;
	struct postconf *pc;

	pc = postconf_read(c->arena, &failure);
	if (pc != NULL && postconf_read_master(pc, &failure) == 0) {
		c->postfix = pc;
		check_looked(c,
		    check_text(c, "Postfix in %s (%zu services)", pc->config,
			pc->nservices));
		if (pc->nservices == 0)
			check_found(c, CHECK_ERROR, CHECK_DO,
			    check_text(
				c, "%s/master.cf has no service", pc->config),
			    "this Postfix takes no mail, and delivers none",
			    "restore it, from a backup or from Postfix's "
			    "package");
		return;
	}
	/* There check_settings() has said so. */
	if (sendmail_is(c->settings->sendmail)) {
		failure_clear(&failure);
		return;
	}
	check_found(c, CHECK_WARNING, CHECK_DO,
	    check_text(c, "postconf fails: %s", failure_text(&failure)),
	    "Postfix's settings were not checked: whether it asks the milter, "
	    "and does what the milter says",
	    advice_for(c, &failure));
	failure_clear(&failure);
}

static void
show_finding(struct output *out, const struct check_finding *f)
{
	output_line(
	    out, "%s: %s: %s", severities[f->severity], f->part, f->what);
	output_line(out, "  why: %s", f->why);
	output_line(out, "  %s: %s", fixes[f->how].verb, f->fix);
}

/* For people, errors first. */
static void
show_people(struct check *c)
{
	const struct check_finding *f;
	struct output *out = c->ctl->out;
	size_t counts[CHECK_ERROR + 1] = {0};
	bool changes[CHECK_DO + 1] = {false};
	int severity;

	for (severity = CHECK_ERROR; severity >= CHECK_NOTE; severity--) {
		for (f = c->first; f != NULL; f = f->next) {
			if ((int)f->severity != severity)
				continue;
			counts[severity]++;
			changes[f->how] = true;
			show_finding(out, f);
		}
	}
	if (changes[CHECK_POSTCONF] && !c->stopped)
		output_line(out, "after changes to Postfix: postfix%s reload",
		    c->postfix->option);
	if (changes[CHECK_SETTING] || changes[CHECK_RESTART])
		output_line(out,
		    "after changes to the settings: %s notify-milter%s",
		    changes[CHECK_RESTART] ? "restart" : "reload",
		    c->settings == NULL || *c->settings->bot == '\0'
			? ""
			: " and notify-bot");
	if (c->first == NULL)
		output_line(out, "nothing wrong; looked at: %s", c->looked_at);
	else
		output_line(out,
		    "%zu errors, %zu warnings, %zu notes; looked at: %s",
		    counts[CHECK_ERROR], counts[CHECK_WARNING],
		    counts[CHECK_NOTE], c->looked_at);
}

static void
show_table(struct check *c)
{
	static const char *const columns[] = {
	    "severity:", "part:", "what:", "why:", "fix:", "command:", NULL};
	const struct check_finding *f;
	struct output *out = c->ctl->out;

	output_table(out, "findings", columns);
	for (f = c->first; f != NULL; f = f->next) {
		output_row(out);
		output_cell(out, severities[f->severity]);
		output_cell(out, f->part);
		output_cell(out, f->what);
		output_cell(out, f->why);
		output_cell(out, f->fix);
		output_cell_flag(out, fixes[f->how].command);
	}
	output_text(out, "looked_at", c->looked_at);
}

/* ${setup}: those alone that set Postfix up. */
static void
run_parts(struct check *c, bool setup)
{
	size_t i;

	c->last = &c->first;
	c->setup = setup;
	check_looked(c, check_text(c, "settings %s", c->ctl->file));
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (i > 0 && c->settings == NULL)
			break;
		c->part = parts[i].part;
		if ((!parts[i].postfix || c->postfix != NULL) &&
		    (!setup || parts[i].setup))
			parts[i].look(c);
	}
}

static int
check(struct ctl *ctl, const struct arguments *args)
{
	struct check c = {.ctl = ctl, .arena = ctl->arena};

	(void)args;
	run_parts(&c, false);
	show_people(&c);
	if (ctl->json)
		show_table(&c);
	return (0);
}

/* Does the fix of ${f} belong into the script? */
static bool
is_setup(const struct check_finding *f)
{
	return (f->severity > CHECK_NOTE && strcmp(f->part, "settings") != 0);
}

static bool
is_command(const struct check_finding *f)
{
	return (is_setup(f) && fixes[f->how].command);
}

/* Has one before ${f}, from ${first} on, the same command? */
static bool
shares_fix(const struct check_finding *first, const struct check_finding *f)
{
	for (; first != f; first = first->next) {
		if (is_command(first) && strcmp(first->fix, f->fix) == 0)
			return (true);
	}
	return (false);
}

/* What it is for, in all findings, and the command once. */
static void
show_command(struct output *out, const struct check_finding *first)
{
	const struct check_finding *f;

	for (f = first; f != NULL; f = f->next) {
		if (is_command(f) && strcmp(f->fix, first->fix) == 0)
			output_line(out, "# %s", f->what);
	}
	output_line(out, "%s", first->fix);
}

static void
show_script(struct check *c)
{
	const struct check_finding *f;
	struct output *out = c->ctl->out;
	bool commands = false;

	for (f = c->first; f != NULL; f = f->next) {
		if (!is_command(f) || shares_fix(c->first, f))
			continue;
		if (!commands)
			output_line(out, "set -e");
		commands = true;
		show_command(out, f);
	}
	if (commands && !c->stopped)
		output_line(out, "postfix%s reload", c->postfix->option);
	for (f = c->first; f != NULL; f = f->next) {
		if (is_setup(f) && !fixes[f->how].command)
			output_line(out, "# not a command: %s: %s %s", f->what,
			    fixes[f->how].verb, f->fix);
	}
}

static void
show_commands(struct check *c)
{
	static const char *const columns[] = {
	    "what:", "why:", "fix:", "command:", NULL};
	const struct check_finding *f;
	struct output *out = c->ctl->out;

	output_table(out, "commands", columns);
	for (f = c->first; f != NULL; f = f->next) {
		if (!is_setup(f))
			continue;
		output_row(out);
		output_cell(out, f->what);
		output_cell(out, f->why);
		output_cell(out, f->fix);
		output_cell_flag(out, fixes[f->how].command);
	}
}

static int
setup(struct ctl *ctl, const struct arguments *args)
{
	struct check c = {.ctl = ctl, .arena = ctl->arena};
	const struct check_finding *f;

	(void)args;
	run_parts(&c, true);
	ctl->status = 0;
	if (c.settings == NULL)
		return (
		    failure_set(&ctl->failure, FAILURE_SETTINGS, "%s; %s: %s",
			c.first->what, fixes[c.first->how].verb, c.first->fix));
	if (c.postfix == NULL && sendmail_is(c.settings->sendmail))
		return (failure_set(&ctl->failure, FAILURE_SETTINGS,
		    "the MTA here is Sendmail; postfix-sample/sendmail.mc "
		    "has what to add to its configuration"));
	if (c.postfix == NULL) {
		for (f = c.first; strcmp(f->part, "postfix") != 0;)
			f = f->next;
		return (failure_set(&ctl->failure, FAILURE_SETTINGS, "%s; %s",
		    f->what, f->fix));
	}
	if (ctl->json)
		show_commands(&c);
	else
		show_script(&c);
	return (0);
}
