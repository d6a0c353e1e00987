/*
 * fuzz_import - any octets as a CSV file, brought into a roster
 *
 * The first octet is whether --sync is on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "failure.h"
#include "fuzz.h"
#include "import.h"
#include "membership.h"
#include "rows.h"
#include "settings.h"
#include "store.h"

int LLVMFuzzerInitialize(int *, char ***);
int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct settings settings;
static struct store *store;

static void end(void);
static int bring_in(struct changes *, const uint8_t *, size_t, bool);

static void
end(void)
{
	store_close(store);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct failure failure = FAILURE_INIT;

	(void)argc;
	(void)argv;
	fuzz_roster(&settings);
	store = store_open(settings.url, DB_WRITE, 1000, &failure);
	MUST(store != NULL);
	atexit(end);
	return (0);
}

static int
bring_in(struct changes *c, const uint8_t *data, size_t size, bool sync)
{
	struct import *import;
	FILE *stream;
	int rc;

	stream = size == 0 ? fopen("/dev/null", "r")
			   : fmemopen((void *)(uintptr_t)data, size, "r");
	MUST(stream != NULL);
	import = import_new(c, "fuzz.csv");
	MUST(import != NULL);
	rc = rows_read(c, "fuzz.csv", stream, import);
	fclose(stream);
	if (rc == 0)
		rc = import_apply(import, sync);
	return (rc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct failure failure = FAILURE_INIT;
	struct changes c = {.store = store,
	    .settings = &settings,
	    .failure = &failure,
	    .actor = "fuzz",
	    .now = 2000};
	bool sync;
	size_t made;
	int rc;

	sync = size > 0 && data[0] % 2 == 1;
	data += size > 0;
	size -= size > 0;
	c.arena = arena_new((size_t)64 << 20);
	MUST(c.arena != NULL && store_begin(store, DB_WRITE) == 0);
	rc = bring_in(&c, data, size, sync);
	if (rc == 0) {
		/* A second time it changes nothing. */
		made = c.n;
		MUST(bring_in(&c, data, size, sync) == 0);
		MUST(c.n == made);
	} else {
		MUST(failure.kind == FAILURE_DATA);
		MUST(strpbrk(failure_text(&failure), "\r\n\x1b") == NULL);
	}
	store_end(store);
	arena_free(c.arena);
	failure_clear(&failure);
	return (0);
}
