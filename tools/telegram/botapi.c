/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * botapi - calls of the Telegram Bot API
 *
 * The only place that includes libcurl's header.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/escape.h"
#include "base/failure.h"
#include "lib/token.h"
#include "settings/settings.h"
#include "telegram/botapi.h"

/* Far more than 100 updates, the most that getUpdates returns. */
#define ANSWER_MAX ((size_t)8 << 20)
#define CONNECT_SECONDS 10L
/* So many characters of a token are taken for it. */
#define SECRET_MIN 6
#define ASKS_PASSWORD                                                          \
	"the proxy asks for a user and a password: see proxy in [telegram]"

struct botapi {
	CURL *curl;
	struct curl_slist *headers;
	char *base;	      /* URL up to the method; has the token */
	char *proxy;	      /* "" for none; may have a password */
	botapi_stop_fn *stop; /* of the call */
};

struct body {
	char *text;
	size_t len;
};

static char *token_path(const struct settings *);
static size_t receive(char *, size_t, size_t, void *);
static int watch(void *, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
static void say_failed(const struct botapi *, CURLcode, struct botapi_answer *);
static const char *advice_for(long);
static void hide_token(const struct botapi *, char *);
static CURLcode perform(
    struct botapi *, const char *, const char *, long, struct body *, long *);

/* The file of the token: systemd's, if there is one (systemd.exec(5),
 * LoadCredential), else token_file. The caller frees it. */
static char *
token_path(const struct settings *s)
{
	const char *dir;
	char *path;

	dir = getenv("CREDENTIALS_DIRECTORY");
	if (dir != NULL && asprintf(&path, "%s/bot-token", dir) >= 0) {
		if (access(path, F_OK) == 0)
			return (path);
		free(path);
	}
	return (strdup(s->token_file));
}

struct botapi *
botapi_open(const struct settings *s, struct failure *failure)
{
	struct botapi *api;
	char token[TOKEN_SIZE], *path;
	size_t len;
	int rc;

	path = token_path(s);
	if (path == NULL) {
		failure_memory(failure);
		return (NULL);
	}
	rc = *path == '\0'
	    ? failure_set(failure, FAILURE_SETTINGS,
		  "%s: token_file is not set; expected the file that holds "
		  "the bot's token in [telegram]",
		  s->file)
	    : token_read(path, token, failure);
	free(path);
	if (rc != 0)
		return (NULL);
	len = strlen(s->api);
	while (len > 0 && s->api[len - 1] == '/')
		len--;
	api = calloc(1, sizeof(*api));
	if (api == NULL || (api->proxy = strdup(s->proxy)) == NULL ||
	    asprintf(&api->base, "%.*s/bot%s/", (int)len, s->api, token) < 0) {
		failure_memory(failure);
		if (api != NULL)
			free(api->proxy);
		free(api);
		return (NULL);
	}
	explicit_bzero(token, sizeof(token));
	if (curl_global_init(CURL_GLOBAL_DEFAULT) == 0)
		api->curl = curl_easy_init();
	api->headers =
	    curl_slist_append(NULL, "Content-Type: application/json");
	if (api->curl == NULL || api->headers == NULL) {
		failure_set(
		    failure, FAILURE_MEMORY, "out of memory for libcurl");
		botapi_close(api);
		return (NULL);
	}
	return (api);
}

void
botapi_close(struct botapi *api)
{
	if (api == NULL)
		return;
	curl_easy_cleanup(api->curl);
	curl_slist_free_all(api->headers);
	explicit_bzero(api->base, strlen(api->base));
	free(api->base);
	explicit_bzero(api->proxy, strlen(api->proxy));
	free(api->proxy);
	free(api);
}

static size_t
receive(char *data, size_t size, size_t n, void *ctx)
{
	struct body *body = ctx;
	char *grown;

	(void)size;
	if (n > ANSWER_MAX - body->len)
		return (0);
	grown = realloc(body->text, body->len + n + 1);
	if (grown == NULL)
		return (0);
	body->text = grown;
	memcpy(body->text + body->len, data, n);
	body->len += n;
	body->text[body->len] = '\0';
	return (n);
}

/* libcurl asks about once a second, and after each signal. */
static int
watch(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct botapi *api = ctx;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return (api->stop != NULL && api->stop());
}

static CURLcode
perform(struct botapi *api, const char *method, const char *params,
    long seconds, struct body *body, long *status)
{
	CURL *curl = api->curl;
	CURLcode code;
	char *url;

	if (asprintf(&url, "%s%s", api->base, method) < 0)
		return (CURLE_OUT_OF_MEMORY);
	/* Keeps the connection, and resets all other options. */
	curl_easy_reset(curl);
	code = curl_easy_setopt(curl, CURLOPT_URL, url);
	explicit_bzero(url, strlen(url));
	free(url);
	if (code != CURLE_OK)
		return (code);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	/* The environment does not count: pipe(8) clears it, so the bot would
	 * reach the API and notify-telegram would not. */
	curl_easy_setopt(curl, CURLOPT_PROXY, api->proxy);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "");
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, api->headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, params);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, receive);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, seconds);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, watch);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, api);
	code = curl_easy_perform(curl);
	if (code == CURLE_OK)
		curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
	return (code);
}

/* Why there is no answer, and what to do; libcurl's descriptions name no
 * URL. */
static void
say_failed(const struct botapi *api, CURLcode code, struct botapi_answer *a)
{
	const char *what = curl_easy_strerror(code), *advice = "";
	bool proxy = *api->proxy != '\0';
	long status = 0, error = 0;

	curl_easy_getinfo(api->curl, CURLINFO_HTTP_CONNECTCODE, &status);
	curl_easy_getinfo(api->curl, CURLINFO_OS_ERRNO, &error);
	if (code == CURLE_SSL_CACERT_BADFILE)
		advice = "; install the package ca-certificates";
	else if (code == CURLE_PEER_FAILED_VERIFICATION)
		advice = "; install the package ca-certificates, and if a "
			 "proxy opens TLS its certificate authority too";
	else if (proxy && status == 407)
		advice = "; " ASKS_PASSWORD;
	else if (proxy && status >= 300)
		advice = "; the proxy does not connect to the host of api: "
			 "allow it there, or see proxy in [telegram]";
	else if (proxy && code != CURLE_OPERATION_TIMEDOUT)
		advice = "; see proxy in [telegram]";
	else if (code == CURLE_COULDNT_RESOLVE_HOST || error == ENETUNREACH ||
	    error == EADDRNOTAVAIL || error == EHOSTUNREACH)
		advice = "; without a way to the Internet set proxy in "
			 "[telegram]";
	if (code != CURLE_COULDNT_CONNECT || error == 0)
		snprintf(a->text, sizeof(a->text), "%s%s", what, advice);
	else
		snprintf(a->text, sizeof(a->text), "%s (%s)%s", what,
		    strerror((int)error), advice);
}

/* What to do if something else than the API answers with HTTP ${status}. */
static const char *
advice_for(long status)
{
	if (status == 407)
		return ("; " ASKS_PASSWORD);
	if (status < 500)
		return ("; a proxy or another server answers in its place: see "
			"api and proxy in [telegram]");
	return ("");
}

void
botapi_answer_read(struct botapi_answer *answer, const char *body, size_t len)
{
	json_t *root, *ok, *parameters;
	json_error_t error;

	/* A NUL ends its string; the rest is still understood. */
	root =
	    body == NULL ? NULL : json_loadb(body, len, JSON_ALLOW_NUL, &error);
	ok = json_object_get(root, "ok");
	if (!json_is_boolean(ok)) {
		snprintf(answer->text, sizeof(answer->text),
		    "HTTP status %ld without a Bot API answer%s",
		    answer->status, advice_for(answer->status));
		json_decref(root);
		return;
	}
	answer->ok = json_is_true(ok);
	answer->result = json_incref(json_object_get(root, "result"));
	answer->error_code =
	    (long)json_integer_value(json_object_get(root, "error_code"));
	if (json_is_string(json_object_get(root, "description")))
		escape_line(answer->text, sizeof(answer->text),
		    json_string_value(json_object_get(root, "description")));
	parameters = json_object_get(root, "parameters");
	answer->retry_after = (long)json_integer_value(
	    json_object_get(parameters, "retry_after"));
	answer->migrate_to = json_integer_value(
	    json_object_get(parameters, "migrate_to_chat_id"));
	/* A group never becomes a chat with a person. */
	if (answer->migrate_to > 0)
		answer->migrate_to = 0;
	answer->understood =
	    answer->ok ? answer->result != NULL : answer->error_code != 0;
	if (answer->text[0] == '\0' && !answer->ok)
		snprintf(answer->text, sizeof(answer->text),
		    "HTTP status %ld without a description", answer->status);
	else if (answer->text[0] == '\0' &&
	    (answer->status != 200 || !answer->understood))
		snprintf(answer->text, sizeof(answer->text),
		    "HTTP status %ld with an incomplete answer",
		    answer->status);
	json_decref(root);
}

/* A server that shows the request in its answer shows the token; of a long
 * text the end may have been cut off. */
static void
hide_token(const struct botapi *api, char *text)
{
	const char *secret = strrchr(api->base, ':') + 1;
	size_t i;

	for (; *text != '\0'; text++) {
		for (i = 0; text[i] != '\0' && text[i] == secret[i]; i++)
			;
		if (i < SECRET_MIN)
			continue;
		strcpy(text, "...");
		return;
	}
}

void
botapi_call(struct botapi *api, const char *method, json_t *params,
    long seconds, botapi_stop_fn *stop, struct botapi_answer *answer)
{
	struct body body = {0};
	CURLcode code;
	char *text;

	memset(answer, 0, sizeof(*answer));
	text = params == NULL ? NULL : json_dumps(params, JSON_COMPACT);
	json_decref(params);
	if (text == NULL) {
		snprintf(answer->text, sizeof(answer->text), "out of memory");
		return;
	}
	api->stop = stop;
	code = perform(api, method, text, seconds, &body, &answer->status);
	if (code != CURLE_OK) {
		answer->status = 0;
		say_failed(api, code, answer);
	} else {
		botapi_answer_read(answer, body.text, body.len);
		hide_token(api, answer->text);
	}
	free(text);
	free(body.text);
}

void
botapi_answer_clear(struct botapi_answer *answer)
{
	json_decref(answer->result);
	answer->result = NULL;
}
