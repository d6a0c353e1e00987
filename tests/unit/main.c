/*
 * main - run all unit tests, and say so in TAP
 */
#include <stdio.h>
#include <stdlib.h>

#include "suites.h"
#include "tag.h"

int
main(void)
{
	SRunner *runner;
	int failed;

	tag_start();
	runner = srunner_create(test_address());
	srunner_add_suite(runner, test_chattext());
	srunner_add_suite(runner, test_decide());
	srunner_add_suite(runner, test_htmltext());
	srunner_add_suite(runner, test_mailtext());
	srunner_add_suite(runner, test_plaintext());
	srunner_add_suite(runner, test_roster());
	srunner_add_suite(runner, test_settings());
	srunner_add_suite(runner, test_store());
	srunner_add_suite(runner, test_terms());
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return (failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
