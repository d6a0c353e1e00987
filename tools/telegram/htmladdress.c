/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * htmladdress - the address of a link, as browsers read it
 */
#include <string.h>

#include <glib.h>

#include "telegram/htmladdress.h"
#include "telegram/plaintext.h"

static GString *clean_address(const char *);
static GString *absolute(const GString *, const char *);

/* An address as browsers read it: they drop newlines, and write blanks as
 * %20. */
static GString *
clean_address(const char *href)
{
	GString *clean, *url;
	bool folded = false;
	size_t i;

	href += strspn(href, " \t\r\n\f");
	url = g_string_new(NULL);
	clean = plaintext_clean(href, strlen(href));
	g_strchomp(clean->str);
	for (i = 0; clean->str[i] != '\0'; i++) {
		/* What a folded line begins with is not written. */
		folded =
		    clean->str[i] == '\n' || (folded && clean->str[i] == ' ');
		if (folded)
			continue;
		if (clean->str[i] == ' ')
			g_string_append(url, "%20");
		else
			g_string_append_c(url, clean->str[i]);
	}
	g_string_free(clean, TRUE);
	return (url);
}

/* The whole address that ${url} stands for, or NULL. Browsers take any number
 * of slashes behind "https:", backslashes too. */
static GString *
absolute(const GString *url, const char *base)
{
	GString *whole;
	const char *at;
	char *resolved;
	size_t scheme;

	at = url->str;
	scheme = strcspn(at, ":/\\?#");
	if (at[scheme] != ':' && g_ascii_strncasecmp(at, "www.", 4) == 0) {
		whole = g_string_new("http://");
	} else if (strspn(at, "/\\") >= 2) {
		whole = g_string_new("https://");
	} else if (at[scheme] == ':') {
		if (scheme != 5 && scheme != 4)
			return (g_string_new(at));
		if (g_ascii_strncasecmp(at, "http", 4) != 0)
			return (g_string_new(at));
		whole = g_string_new_len(at, (gssize)scheme);
		g_string_append(whole, "://");
		at += scheme + 1;
	} else {
		resolved = base == NULL || *at == '#' || *at == '\0'
		    ? NULL
		    : g_uri_resolve_relative(
			  base, at, G_URI_FLAGS_ENCODED, NULL);
		whole = resolved == NULL ? NULL : g_string_new(resolved);
		g_free(resolved);
		return (whole);
	}
	at += strspn(at, "/\\");
	for (; *at != '\0' && strchr("?#", *at) == NULL; at++)
		g_string_append_c(whole, *at == '\\' ? '/' : *at);
	return (g_string_append(whole, at));
}

char *
htmladdress_of(const char *href, const char *base)
{
	static const char *const schemes[] = {
	    "http://", "https://", "mailto:", "tel:", "sms:"};
	GString *clean, *url;
	size_t i;

	if (href == NULL)
		return (NULL);
	clean = clean_address(href);
	url = absolute(clean, base);
	g_string_free(clean, TRUE);
	if (url == NULL)
		return (NULL);
	for (i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		if (g_ascii_strncasecmp(
			url->str, schemes[i], strlen(schemes[i])) == 0 &&
		    url->len > strlen(schemes[i]) &&
		    url->len <= HTMLADDRESS_MAX)
			return (g_string_free(url, FALSE));
	}
	g_string_free(url, TRUE);
	return (NULL);
}

char *
htmladdress_contact(const char *url)
{
	char *escaped, *plain, *who;

	url = strchr(url, ':') + 1;
	escaped = g_strndup(url, strcspn(url, "?"));
	plain = g_uri_unescape_string(escaped, NULL);
	who = plaintext_line(
	    plain != NULL && g_utf8_validate(plain, -1, NULL) ? plain : escaped,
	    HTMLADDRESS_SHOWN_MAX);
	g_free(escaped);
	g_free(plain);
	return (who);
}
