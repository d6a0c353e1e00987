/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main - run all unit tests, with output in TAP; on PostgreSQL those that use a
 * roster
 *
 * With the argument "settings", print the table of settings instead, for a test
 * that compares the documents with it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "settings/settings.h"
#include "terms/rfc2047.h"
#include "unit/fixture.h"
#include "unit/suites.h"

static void print_settings(void);

/* Section, name, default and choices, with tabs between them. */
static void
print_settings(void)
{
	const struct setting *s;
	const char *const *choice;

	for (s = settings_table; s->section != NULL; s++) {
		printf("%s\t%s\t%s\t", s->section, s->name, s->value);
		if (s->type == SETTING_BOOLEAN)
			printf("yes no ");
		for (choice = s->choices; choice != NULL && *choice != NULL;
		     choice++)
			printf("%s ", *choice);
		printf("\n");
	}
}

int
main(int argc, char **argv)
{
	SRunner *runner;
	int failed;

	if (argc == 2 && strcmp(argv[1], "settings") == 0) {
		print_settings();
		return (EXIT_SUCCESS);
	}
	/* Those with sanitizers, or on a busy machine, take their time. */
	setenv("CK_DEFAULT_TIMEOUT", "60", 0);
	rfc2047_start();
	runner = srunner_create(test_decide());
	srunner_add_suite(runner, test_import());
	srunner_add_suite(runner, test_lookup());
	srunner_add_suite(runner, test_permission());
	srunner_add_suite(runner, test_roster());
	srunner_add_suite(runner, test_store());
	srunner_add_suite(runner, test_upgrade());
	if (fixture_postgresql() != NULL) {
		srunner_add_suite(runner, test_bulk());
		srunner_add_suite(runner, test_postgres());
	} else {
		/* These do not use PostgreSQL. */
		srunner_add_suite(runner, test_address());
		srunner_add_suite(runner, test_arena());
		srunner_add_suite(runner, test_chattext());
		srunner_add_suite(runner, test_counters());
		srunner_add_suite(runner, test_damage());
		srunner_add_suite(runner, test_db());
		srunner_add_suite(runner, test_htmltext());
		srunner_add_suite(runner, test_mailhead());
		srunner_add_suite(runner, test_mailtext());
		srunner_add_suite(runner, test_patience());
		srunner_add_suite(runner, test_plaintext());
		srunner_add_suite(runner, test_settings());
		srunner_add_suite(runner, test_sorter());
		srunner_add_suite(runner, test_stamp());
		srunner_add_suite(runner, test_standby());
		srunner_add_suite(runner, test_terms());
		srunner_add_suite(runner, test_content());
		srunner_add_suite(runner, test_token());
	}
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
