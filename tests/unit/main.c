/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main - run all unit tests, with output in TAP; on PostgreSQL those that use a
 * roster
 *
 * With the argument "settings", print the table of settings instead, and with
 * "texts" that of texts, for tests that compare the documents with them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/texttable.h"
#include "settings/settings.h"
#include "terms/rfc2047.h"
#include "unit/fixture.h"
#include "unit/suites.h"

static void print_texts(void);
static void print_settings(void);

/* The built-in texts as a file of texts, which postfix-sample/texts/en.conf is.
 */
static void
print_texts(void)
{
	const struct text_entry *t;
	const char *section = "", *s;

	puts("# The texts that customers read, in English, as they are built "
	     "in. A text that\n"
	     "# is not here, or has a fault, is the built-in one. To change "
	     "one, edit it and\n"
	     "# run \"notifyctl check\". An indented line continues a text. "
	     "notify-milter.conf(5),\n"
	     "# TEXTS. Above each text are the places that it may have.\n"
	     "#\n"
	     "# Words for a category, in place of those that the roster "
	     "has:\n"
	     "#\n"
	     "#[category balance-and-payments]\n"
	     "#title = Balance and payments\n"
	     "#description = debts; refunds; debits; top-up problems");
	for (t = text_table; t < text_table + TEXT_COUNT; t++) {
		if (strcmp(t->section, section) != 0)
			printf("\n[%s]\n", t->section);
		section = t->section;
		printf("\n");
		if (*t->places != '\0') {
			printf("# {");
			for (s = t->places; *s != '\0'; s++)
				*s == ' ' ? fputs("} {", stdout) : putchar(*s);
			printf("}\n");
		}
		printf("%s =%s", t->key,
		    t->form != FORM_LINES || strlen(t->text) < 60 ? " "
								  : "\n  ");
		for (s = t->text; *s != '\0'; s++) {
			putchar(*s);
			if (*s == '\n' && s[1] != '\n')
				fputs("  ", stdout);
		}
		printf("\n");
	}
}

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
	if (argc == 2 && strcmp(argv[1], "texts") == 0) {
		print_texts();
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
		srunner_add_suite(runner, test_agents());
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
		srunner_add_suite(runner, test_turn());
	}
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
