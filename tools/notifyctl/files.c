/*
 * files - notifyctl import and export
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "ctl.h"
#include "import.h"
#include "output.h"
#include "roster.h"
#include "rostercsv.h"
#include "store.h"

static int apply(struct ctl *, const struct arguments *);

static int
apply(struct ctl *ctl, const struct arguments *args)
{
	const char *name = args->v[0];
	struct import *import;
	FILE *stream;
	int rc;

	if (strcmp(name, "-") == 0) {
		name = "standard input";
		stream = stdin;
	} else {
		stream = fopen(name, "re");
	}
	if (stream == NULL)
		return (failure_set(&ctl->failure, FAILURE_DATA,
		    "%s: %s; expected a CSV file", name, strerror(errno)));
	import = import_new(&ctl->changes, name);
	rc = import == NULL
	    ? ctl_no_memory(ctl)
	    : rostercsv_read(stream, name, import, &ctl->changes);
	if (stream != stdin)
		fclose(stream);
	if (rc == 0)
		rc = import_apply(import, args->sync);
	if (rc != 0)
		return (-1);
	output_line(ctl->out, "%zu rows, %zu changes%s", import_rows(import),
	    ctl->changes.n, args->dry_run ? " would be made" : "");
	output_number(ctl->out, "rows", (int64_t)import_rows(import));
	output_number(ctl->out, "changed", (int64_t)ctl->changes.n);
	output_flag(ctl->out, "dry_run", args->dry_run);
	return (0);
}

int
files_import(struct ctl *ctl, const struct arguments *args)
{
	int rc;

	if (!args->dry_run) {
		/* A million lines would help nobody; the log has them. */
		ctl->changes.changed = NULL;
		return (ctl_write(ctl, apply, args));
	}
	if (store_begin(ctl->store, DB_WRITE) != 0)
		return (ctl_store_failed(ctl));
	rc = apply(ctl, args);
	store_end(ctl->store);
	return (rc);
}

int
files_export(struct ctl *ctl, const struct arguments *args)
{
	struct store_account account = {0};
	FILE *stream;
	char *text = NULL;
	size_t len;
	int rc;

	if (args->n == 1 &&
	    roster_account(&ctl->changes, args->v[0], &account) != 0)
		return (-1);
	stream = open_memstream(&text, &len);
	if (stream == NULL)
		return (ctl_no_memory(ctl));
	rc = rostercsv_write(stream, account.id, &ctl->changes);
	if (fclose(stream) != 0)
		rc = ctl_no_memory(ctl);
	else if (rc == 0)
		output_stream(ctl->out, text);
	free(text);
	return (rc == -1 ? -1 : 0);
}
