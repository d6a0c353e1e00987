/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_settings - notify-milter.conf
 *
 * The input is the file.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <glib.h>
#include <unistr.h>

#include "base/failure.h"
#include "fuzz/fuzz.h"
#include "settings/settings.h"
#include "terms/hours.h"

/* inih's lines are shorter than this, and an A-label may be longer than its
 * input. */
#define LINE_MAX_SIZE 190

static bool is_text(const struct setting *);
static bool write_value(
    GString *, const struct setting *, const struct settings *);
static void write_networks(
    GString *, const struct setting *, const struct netlist *);
static bool write_settings(GString *, const struct settings *);
static void check_value(
    const struct setting *, const struct settings *, const struct settings *);
static struct settings *read_text(const void *, size_t, struct failure *);
static void check_failure(const struct failure *);

static struct settings *
read_text(const void *text, size_t size, struct failure *failure)
{
	struct settings *settings;
	char name[FUZZ_NAME_SIZE];
	int fd;

	fd = fuzz_file(text, size);
	fuzz_file_name(fd, name);
	settings = settings_read(name, failure);
	close(fd);
	return (settings);
}

static void
write_networks(
    GString *out, const struct setting *d, const struct netlist *list)
{
	char text[INET6_ADDRSTRLEN];
	size_t i;

	g_string_append_printf(out, "%s=\n", d->name);
	for (i = 0; i < list->n; i++) {
		inet_ntop(AF_INET6, &list->v[i].address, text, sizeof(text));
		g_string_append_printf(
		    out, "  [%s]/%u\n", text, list->v[i].bits);
	}
}

/* A line for each: a value is one address or more. */
static bool
write_addresses(
    GString *out, const struct setting *d, const struct addrlist *list)
{
	bool fits = true;
	size_t i;

	g_string_append_printf(out, "%s=\n", d->name);
	for (i = 0; i < list->n; i++) {
		g_string_append_printf(out, "  %s\n", list->v[i]);
		fits = fits && strpbrk(list->v[i], " \t,;") == NULL;
	}
	return (fits);
}

static bool
is_text(const struct setting *d)
{
	switch (d->type) {
	case SETTING_TEXT:
	case SETTING_PATH:
	case SETTING_DATABASE:
	case SETTING_DOMAIN:
	case SETTING_ADDRESS:
	case SETTING_SOCKET:
	case SETTING_BOT:
	case SETTING_HTTP:
	case SETTING_PROXY:
	case SETTING_LANGUAGE:
		return (true);
	case SETTING_NETWORKS:
	case SETTING_ADDRESSES:
	case SETTING_BOOLEAN:
	case SETTING_CHOICE:
	case SETTING_SECONDS:
	case SETTING_COUNT:
	case SETTING_HOURS:
		return (false);
	}
	return (false);
}

static void
write_hours(GString *out, const struct setting *d, const struct hours *hours)
{
	g_string_append_printf(out, "%s=", d->name);
	if (hours->from != 0 || hours->to != 0)
		g_string_append_printf(out, "%02d:%02d-%02d:%02d",
		    hours->from / 60, hours->from % 60, hours->to / 60,
		    hours->to % 60);
	g_string_append_c(out, '\n');
}

/* False if the value cannot be written as one line. */
static bool
write_value(
    GString *out, const struct setting *d, const struct settings *settings)
{
	const void *field = (const char *)settings + d->offset;
	const char *text;

	if (is_text(d)) {
		text = *(char *const *)field;
		MUST(text != NULL, "%s is NULL", d->name);
		MUST(*text != '\0' || d->optional, "%s is empty", d->name);
		g_string_append_printf(out, "%s=%s\n", d->name, text);
		/* A semicolon after a blank begins a comment. */
		return (strlen(d->name) + strlen(text) < LINE_MAX_SIZE &&
		    strstr(text, " ;") == NULL && strstr(text, "\t;") == NULL);
	}
	if (d->type == SETTING_NETWORKS)
		write_networks(out, d, field);
	else if (d->type == SETTING_HOURS)
		write_hours(out, d, field);
	else if (d->type == SETTING_ADDRESSES)
		return (write_addresses(out, d, field));
	else if (d->type == SETTING_BOOLEAN)
		g_string_append_printf(out, "%s=%s\n", d->name,
		    *(const bool *)field ? "yes" : "no");
	else if (d->type == SETTING_CHOICE)
		g_string_append_printf(out, "%s=%s\n", d->name,
		    d->choices[*(const unsigned *)field]);
	else if (d->type == SETTING_COUNT) {
		MUST(*(const long *)field >= 0 &&
			*(const long *)field <= 1000000,
		    "a count of %ld", *(const long *)field);
		g_string_append_printf(
		    out, "%s=%ld\n", d->name, *(const long *)field);
	} else {
		MUST(*(const long *)field >= 1 &&
			*(const long *)field <= 366L * 24 * 3600,
		    "%ld seconds", *(const long *)field);
		g_string_append_printf(
		    out, "%s=%lds\n", d->name, *(const long *)field);
	}
	return (true);
}

static bool
write_settings(GString *out, const struct settings *settings)
{
	const struct setting *d;
	bool whole = true;

	for (d = settings_table; d->section != NULL; d++) {
		if (d == settings_table ||
		    strcmp(d->section, d[-1].section) != 0)
			g_string_append_printf(out, "[%s]\n", d->section);
		whole = write_value(out, d, settings) && whole;
	}
	return (whole);
}

static void
check_value(
    const struct setting *d, const struct settings *x, const struct settings *y)
{
	const void *a = (const char *)x + d->offset;
	const void *b = (const char *)y + d->offset;
	const struct netlist *l, *m;
	size_t i;

	if (is_text(d)) {
		MUST(strcmp(*(char *const *)a, *(char *const *)b) == 0,
		    "%s: '%s', '%s'", d->name, *(char *const *)a,
		    *(char *const *)b);
	} else if (d->type == SETTING_NETWORKS) {
		l = a;
		m = b;
		MUST(l->n == m->n, "%s: %zu, %zu", d->name, l->n, m->n);
		for (i = 0; i < l->n; i++)
			MUST(memcmp(&l->v[i], &m->v[i], sizeof(l->v[i])) == 0,
			    "network %zu", i);
	} else if (d->type == SETTING_BOOLEAN) {
		MUST(*(const bool *)a == *(const bool *)b, "%s", d->name);
	} else if (d->type == SETTING_CHOICE) {
		MUST(*(const unsigned *)a == *(const unsigned *)b, "%s",
		    d->name);
	} else {
		MUST(*(const long *)a == *(const long *)b, "%s", d->name);
	}
}

/* A failure is one line, which names the file. */
static void
check_failure(const struct failure *failure)
{
	const char *text = failure_text(failure);

	MUST(failure->kind == FAILURE_SETTINGS, "%s", text);
	MUST(strncmp(text, "/proc/self/fd/", 14) == 0, "%s", text);
	MUST(strchr(text, '\n') == NULL, "%s", text);
	MUST(strstr(text, "expected") != NULL || strstr(text, "twice") != NULL,
	    "%s", text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failure failure = FAILURE_INIT;
	struct settings *settings, *again;
	const struct setting *d;
	GString *text;

	settings = read_text(data, size, &failure);
	if (settings == NULL) {
		check_failure(&failure);
		failure_clear(&failure);
		return (0);
	}
	text = g_string_new(NULL);
	if (write_settings(text, settings)) {
		again = read_text(text->str, text->len, &failure);
		MUST(again != NULL, "%s of\n%s", failure_text(&failure),
		    text->str);
		for (d = settings_table; d->section != NULL; d++)
			check_value(d, settings, again);
		settings_free(again);
	}
	g_string_free(text, TRUE);
	settings_free(settings);
	failure_clear(&failure);
	return (0);
}
