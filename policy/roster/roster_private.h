/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * roster_private - what the files of roster share
 */
#ifndef ROSTER_PRIVATE_H
#define ROSTER_PRIVATE_H

#include "base/compiler.h"

struct address;
struct changes;
struct problems;
struct store_account;

/* roster_remark(c, fmt, ...): report that something needed no change. */
void roster_remark(struct changes *, const char *, ...) PRINTF_LIKE(2, 3);

/* roster_title(c, title): refuse a title that is not one line of UTF-8, or too
 * long. */
int roster_title(struct changes *, const char *) WARN_UNUSED;

/* roster_name_taken(c, name, account): fail, since ${name} is, or was, that of
 * ${account}. Returns -1. */
int roster_name_taken(
    struct changes *, const char *name, const struct store_account *);

/* roster_list_address(p, text, address): as roster_address(), for one address
 * of several: a fault is collected in ${p}, and address->key is NULL then. 0,
 * or -1 with the failure. */
int roster_list_address(
    struct problems *, const char *text, struct address *) WARN_UNUSED;

#endif
