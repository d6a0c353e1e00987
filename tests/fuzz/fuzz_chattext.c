/*
 * fuzz_chattext - any octets as a mail, made into the text of a chat
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <glib.h>

#include "arena.h"
#include "chattext.h"
#include "failure.h"
#include "fuzz.h"
#include "mailhead.h"
#include "message.h"

#define FOOTER "Balance and payments · Acme (acme)"

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static int fd;

static void check_head(void);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	chattext_start();
	fd = memfd_create("mail", MFD_CLOEXEC);
	MUST(fd != -1);
	return (0);
}

static void
check_head(void)
{
	struct failure failure = FAILURE_INIT;
	struct mailhead head;
	struct arena *a;
	size_t i;

	a = arena_new((size_t)8 << 20);
	MUST(a != NULL && mailhead_read(fd, a, &head, &failure) == 0);
	for (i = 0; i < head.nheaders; i++)
		MUST(g_ascii_strncasecmp(head.headers[i].name, HEADER_PREFIX,
			 strlen(HEADER_PREFIX)) == 0);
	arena_free(a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failure failure = FAILURE_INIT;
	struct chattext ct;
	size_t i, len;

	MUST(ftruncate(fd, 0) == 0);
	MUST(pwrite(fd, data, size, 0) == (ssize_t)size);
	/* Long enough to be cut, from an input that is short: its second half
	 * is there many times. */
	for (i = 1; size > 0 && data[size - 1] % 2 == 0 && i < 64; i++)
		MUST(pwrite(fd, data + size / 2, size - size / 2,
			 (off_t)(size + (i - 1) * (size - size / 2))) != -1);
	MUST(lseek(fd, 0, SEEK_SET) == 0);
	check_head();
	MUST(chattext_read(fd, FOOTER, &ct, &failure) == 0);
	len = strlen(ct.text);
	/* What Telegram takes: UTF-8, not too long, the entity inside. */
	MUST(g_utf8_validate(ct.text, -1, NULL));
	MUST(ct.units == chattext_units(ct.text));
	MUST(ct.units <= CHATTEXT_UNITS_MAX);
	MUST(ct.bold_units <= ct.units - chattext_units(FOOTER));
	MUST(len >= strlen(FOOTER) &&
	    strcmp(ct.text + len - strlen(FOOTER), FOOTER) == 0);
	chattext_clear(&ct);
	return (0);
}
