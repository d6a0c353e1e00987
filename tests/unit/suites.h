/* SPDX-License-Identifier: BSD-2-Clause */
/* suites - the unit tests, one suite for each module */
#ifndef SUITES_H
#define SUITES_H

#include <check.h>

Suite *test_address(void);
Suite *test_agents(void);
Suite *test_arena(void);
Suite *test_bulk(void);
Suite *test_chattext(void);
Suite *test_content(void);
Suite *test_counters(void);
Suite *test_damage(void);
Suite *test_db(void);
Suite *test_decide(void);
Suite *test_htmltext(void);
Suite *test_import(void);
Suite *test_lookup(void);
Suite *test_mailhead(void);
Suite *test_mailtext(void);
Suite *test_patience(void);
Suite *test_permission(void);
Suite *test_plaintext(void);
Suite *test_postgres(void);
Suite *test_roster(void);
Suite *test_settings(void);
Suite *test_sorter(void);
Suite *test_stamp(void);
Suite *test_standby(void);
Suite *test_store(void);
Suite *test_terms(void);
Suite *test_token(void);
Suite *test_turn(void);
Suite *test_upgrade(void);

#endif
