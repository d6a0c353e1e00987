/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libpq - PostgreSQL's client library, loaded at its first use
 *
 * It depends on TLS, Kerberos and LDAP: some 5 MB in every process that is
 * linked with it. A relay with an SQLite roster does not need them, or have
 * them installed.
 *
 * Threads: any.
 */
#ifndef LIBPQ_H
#define LIBPQ_H

#include <stdbool.h>

#include <libpq-fe.h>

#include "base/compiler.h"

#define LIBPQ_FILE "libpq.so.5"
#define LIBPQ_FUNCTIONS(F)                                                     \
	F(PQbackendPID)                                                        \
	F(PQclear)                                                             \
	F(PQcmdStatus)                                                         \
	F(PQcmdTuples)                                                         \
	F(PQconnectdbParams)                                                   \
	F(PQconninfoFree)                                                      \
	F(PQconninfoParse)                                                     \
	F(PQconsumeInput)                                                      \
	F(PQenterPipelineMode)                                                 \
	F(PQerrorMessage)                                                      \
	F(PQexitPipelineMode)                                                  \
	F(PQfinish)                                                            \
	F(PQflush)                                                             \
	F(PQfreemem)                                                           \
	F(PQftype)                                                             \
	F(PQgetResult)                                                         \
	F(PQgetvalue)                                                          \
	F(PQisBusy)                                                            \
	F(PQnfields)                                                           \
	F(PQntuples)                                                           \
	F(PQparameterStatus)                                                   \
	F(PQpipelineSync)                                                      \
	F(PQresultErrorField)                                                  \
	F(PQresultStatus)                                                      \
	F(PQsendPrepare)                                                       \
	F(PQsendQuery)                                                         \
	F(PQsendQueryParams)                                                   \
	F(PQsendQueryPrepared)                                                 \
	F(PQserverVersion)                                                     \
	F(PQsetNoticeProcessor)                                                \
	F(PQsetSingleRowMode)                                                  \
	F(PQsetnonblocking)                                                    \
	F(PQsocket)                                                            \
	F(PQstatus)                                                            \
	F(PQtransactionStatus)

struct libpq {
#define LIBPQ_MEMBER(name) __typeof__(name) *name;
	LIBPQ_FUNCTIONS(LIBPQ_MEMBER)
#undef LIBPQ_MEMBER
};

/* Its functions, after libpq_load(). */
extern struct libpq libpq;

/* libpq_load(): load it, once; false if it is not installed. */
bool libpq_load(void) WARN_UNUSED;

#endif
