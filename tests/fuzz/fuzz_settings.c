/*
 * fuzz_settings - any octets as a settings file
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "failure.h"
#include "fuzz.h"
#include "settings.h"

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char path[] = "/tmp/nm-fuzz-conf-XXXXXX";
static int fd;

static void remove_file(void);

static void
remove_file(void)
{
	unlink(path);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fd = mkstemp(path);
	MUST(fd != -1);
	atexit(remove_file);
	return (0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr_in loopback = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct failure failure = FAILURE_INIT;
	struct settings *s;
	const char *text;

	MUST(ftruncate(fd, 0) == 0);
	MUST(pwrite(fd, data, size, 0) == (ssize_t)size);
	s = settings_read(path, &failure);
	if (s == NULL) {
		text = failure_text(&failure);
		MUST(failure.kind == FAILURE_SETTINGS);
		/* One line that names the file. */
		MUST(strncmp(text, path, strlen(path)) == 0);
		MUST(strpbrk(text, "\r\n\x1b") == NULL);
	} else {
		MUST(*s->url == '/' && *s->sendmail == '/');
		MUST(*s->stats_file == '/' || *s->stats_file == '\0');
		MUST(strchr(s->socket, ':') != NULL);
		MUST(*s->telegram_domain != '\0');
		MUST(s->max_age > 0);
		(void)netlist_has(
		    &s->trusted_clients, (struct sockaddr *)&loopback);
	}
	settings_free(s);
	failure_clear(&failure);
	return (0);
}
