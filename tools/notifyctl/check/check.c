/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check - notifyctl check
 *
 * The parts (check_*.c) are called one after another, from the settings
 * outwards, and add what they find; it is shown at the end. A sound
 * installation gets one line.
 */
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/arena.h"
#include "lib/child.h"
#include "notifyctl/check/check.h"
#include "notifyctl/ctl.h"
#include "notifyctl/output.h"
#include "notifyctl/postfix/postconf.h"
#include "settings/settings.h"
#include "store/store.h"

static const char *const severities[] = {
    [CHECK_NOTE] = "note",
    [CHECK_WARNING] = "warning",
    [CHECK_ERROR] = "error",
};

static void open_postfix(struct check *);
static void show_people(struct check *);
static void show_table(struct check *);
static int check(struct ctl *, const struct arguments *);

const struct ctl_command check_commands[] = {
    {"check", "", "what is wrong with the installation, and how to fix it", 0,
	0, CTL_NOTHING, .run = check},
    {.name = NULL},
};

const char *
check_text(struct check *c, const char *fmt, ...)
{
	va_list ap;
	char *text, *s;
	const char *copy;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		text = NULL;
	va_end(ap);
	if (text == NULL)
		return ("(out of memory)");
	/* What SQLite finds has several lines. */
	for (s = text; *s != '\0'; s++) {
		if (*s == '\n')
			*s = ' ';
	}
	copy = arena_strdup(c->arena, text);
	free(text);
	return (copy == NULL ? "(out of memory)" : copy);
}

bool
check_known(const struct check *c, const char *what)
{
	const struct check_finding *f;

	for (f = c->first; f != NULL; f = f->next) {
		if (strcmp(f->what, what) == 0)
			return (true);
	}
	return (false);
}

void
check_found(struct check *c, enum check_severity severity, enum check_fix how,
    const char *what, const char *why, const char *fix)
{
	struct check_finding *f;

	if (check_known(c, what))
		return;
	if (severity == CHECK_ERROR)
		c->ctl->status = EX_CONFIG;
	f = arena_alloc(c->arena, sizeof(*f));
	if (f == NULL)
		return;
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
	const char *s;
	char *quoted, *out;

	if (*text != '\0' &&
	    text[strspn(text,
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
		"0123456789/._-+:@,%=")] == '\0')
		return (text);
	quoted = out = arena_alloc(c->arena, 4 * strlen(text) + 3);
	if (out == NULL)
		return ("(out of memory)");
	*out++ = '\'';
	for (s = text; *s != '\0'; s++) {
		if (*s == '\'')
			out = stpcpy(out, "'\\''");
		else
			*out++ = *s;
	}
	*out++ = '\'';
	*out = '\0';
	return (quoted);
}

const char *
check_capture(struct check *c, const char *const *argv)
{
	struct failure failure = FAILURE_INIT;
	const char *out;

	out = child_line(c->arena, argv, &failure);
	failure_clear(&failure);
	return (out);
}

const char *
check_setting(struct check *c, const char *section, const char *line)
{
	return (
	    check_text(c, "in [%s] of %s: %s", section, c->ctl->file, line));
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
	char *copy, *slash;

	copy = arena_strdup(c->arena, path);
	slash = copy == NULL ? NULL : strrchr(copy, '/');
	if (slash == NULL)
		return ("/");
	slash[slash == copy] = '\0';
	return (copy);
}

const struct passwd *
check_passwd(struct check *c, const char *name)
{
	const struct passwd *found;
	struct passwd *pw;

	found = getpwnam(name);
	pw = found == NULL ? NULL : arena_alloc(c->arena, sizeof(*pw));
	if (pw == NULL)
		return (NULL);
	pw->pw_uid = found->pw_uid;
	pw->pw_gid = found->pw_gid;
	pw->pw_name = arena_strdup(c->arena, found->pw_name);
	return (pw->pw_name == NULL ? NULL : pw);
}

static void
open_postfix(struct check *c)
{
	const char *why;

	c->part = "postfix";
	c->postfix = postconf_read(c, &why);
	if (c->postfix != NULL) {
		check_looked(c,
		    check_text(c, "Postfix in %s (%zu services)",
			c->postfix->config, c->postfix->nservices));
		return;
	}
	check_found(c, CHECK_WARNING, CHECK_PUT,
	    check_text(c, "postconf cannot be asked%s%s",
		why == NULL || *why == '\0' ? "" : ": ",
		why == NULL ? "" : why),
	    "so nothing of Postfix is looked at: whether it asks the milter, "
	    "and does what the milter says",
	    "have postconf in $PATH and, if Postfix's settings are not in "
	    "their usual place, their directory in $MAIL_CONFIG");
}

/* Findings for people, the grave ones first. */
static void
show_people(struct check *c)
{
	const struct check_finding *f;
	struct output *out = c->ctl->out;
	size_t counts[CHECK_ERROR + 1] = {0};
	bool postfix = false, settings = false;
	int severity;

	for (severity = CHECK_ERROR; severity >= CHECK_NOTE; severity--) {
		for (f = c->first; f != NULL; f = f->next) {
			if ((int)f->severity != severity)
				continue;
			counts[severity]++;
			postfix |= strncmp(f->fix, "postconf ", 9) == 0;
			settings |= strncmp(f->fix, "in [", 4) == 0;
			output_line(out, "%s: %s: %s", severities[severity],
			    f->part, f->what);
			output_line(out, "  why: %s", f->why);
			output_line(out, "  %s: %s",
			    f->how == CHECK_RUN ? "run" : "put", f->fix);
		}
	}
	if (postfix)
		output_line(out, "after changes to Postfix: %s reload",
		    check_text(c, "postfix%s",
			c->postfix->command + strlen("postconf")));
	if (settings)
		output_line(out,
		    "after changes to the settings: restart notify-milter%s",
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
		output_cell_flag(out, f->how == CHECK_RUN);
	}
	output_text(out, "looked_at", c->looked_at);
}

static int
check(struct ctl *ctl, const struct arguments *args)
{
	struct check c = {.ctl = ctl, .arena = ctl->arena};

	(void)args;
	c.last = &c.first;
	c.part = "settings";
	check_looked(&c, check_text(&c, "settings %s", ctl->file));
	if (check_settings(&c)) {
		open_postfix(&c);
		check_database(&c);
		check_socket(&c);
		if (c.postfix != NULL) {
			c.part = "postfix";
			check_postfix(&c);
			check_services(&c);
			check_clients(&c);
			check_domains(&c);
			check_rewriting(&c);
		}
		check_telegram(&c);
	}
	show_people(&c);
	if (ctl->json)
		show_table(&c);
	return (0);
}
