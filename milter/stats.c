/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stats - counters of what the milter has done
 */
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/failure.h"
#include "decision/decide.h"
#include "lib/log.h"
#include "milter/config.h"
#include "milter/stats.h"
#include "settings/settings.h"

#define WRITE_SECONDS 5

/* Upper bounds of the histogram: a lookup takes about 0.1 ms, a wait for a
 * locked database up to 3 s. */
static const double bounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, HUGE_VAL};
#define NBOUNDS (sizeof(bounds) / sizeof(bounds[0]))

enum change { KEPT, ADDED, DROPPED, MIRRORED, NCHANGES };
static const char *const changes[NCHANGES] = {
    [KEPT] = "change=\"kept\"",
    [ADDED] = "change=\"added\"",
    [DROPPED] = "change=\"dropped\"",
    [MIRRORED] = "change=\"mirrored\"",
};

/* Counters that every message changes are variables; the others, and all values
 * from the file, are in ${counters}. */
static atomic_ulong untagged;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wake = PTHREAD_COND_INITIALIZER;
static struct counters counters;
static double recipients[NCHANGES], buckets[NBOUNDS], sum, failures;
static bool changed, ending;
static pthread_t thread;

static void begin(const char *);
static int gather(void);
static void write_file(bool *);
static void *write_thread(void *);

void
stats_untagged(void)
{
	atomic_fetch_add_explicit(&untagged, 1, memory_order_relaxed);
}

void
stats_count(const struct decision *d, double seconds)
{
	char labels[256];
	size_t i;

	snprintf(labels, sizeof(labels), "category=\"%s\",verdict=\"%s\"",
	    d->category == NULL ? "" : d->category,
	    decide_verdict_name(d->verdict));
	for (i = 0; seconds > bounds[i]; i++)
		;
	pthread_mutex_lock(&lock);
	/* If out of memory it is not counted: mail goes first. */
	if (counters_add(&counters, COUNTER_MESSAGES, labels, 1) == 0)
		changed = true;
	if (d->verdict == VERDICT_DELIVER) {
		recipients[KEPT] += (double)d->kept;
		recipients[ADDED] += (double)d->nadded;
		recipients[DROPPED] += (double)d->dropped;
		recipients[MIRRORED] += (double)d->nmirrored;
	}
	failures += d->undecided;
	buckets[i]++;
	sum += seconds;
	pthread_mutex_unlock(&lock);
}

/* Continue from the values in the file. */
static void
begin(const char *path)
{
	struct failure failure = FAILURE_INIT;

	if (counters_read(&counters, path, &failure) == -1) {
		log_warning(
		    "stats: %s; counting from 0", failure_text(&failure));
		counters_clear(&counters);
	}
	failure_clear(&failure);
	if (counters_set(
		&counters, COUNTER_START_TIME, "", (double)time(NULL)) == 0)
		changed = true;
}

/* Called with the lock: add everything to ${counters}. A counter of something
 * that has never happened is 0 there, so that an alert can use it. */
static int
gather(void)
{
	char labels[32];
	double total = 0;
	size_t i;
	int rc = 0;

	rc |= counters_add(&counters, COUNTER_UNTAGGED, "",
	    (double)atomic_exchange(&untagged, 0));
	rc |= counters_add(&counters, COUNTER_LOOKUP_FAILURES, "", failures);
	for (i = 0; i < NCHANGES; i++)
		rc |= counters_add(
		    &counters, COUNTER_RECIPIENTS, changes[i], recipients[i]);
	for (i = 0; i < NBOUNDS; i++) {
		total += buckets[i];
		snprintf(labels, sizeof(labels), "le=\"%g\"", bounds[i]);
		rc |= counters_add(&counters, COUNTER_DECISION_BUCKET,
		    i + 1 < NBOUNDS ? labels : "le=\"+Inf\"", total);
	}
	rc |= counters_add(&counters, COUNTER_DECISION_SUM, "", sum);
	rc |= counters_add(&counters, COUNTER_DECISION_COUNT, "", total);
	memset(recipients, 0, sizeof(recipients));
	memset(buckets, 0, sizeof(buckets));
	sum = failures = 0;
	return (rc);
}

/* Write the file if a counter has changed. ${*failed}: the last time failed,
 * and that was logged. */
static void
write_file(bool *failed)
{
	struct failure failure = FAILURE_INIT;
	struct config *config;
	char *text = NULL;
	const char *path;

	config = config_get();
	path = config->settings->stats_file;
	pthread_mutex_lock(&lock);
	changed = changed || atomic_load(&untagged) > 0;
	if (changed && *path != '\0' && gather() == 0)
		text = counters_text(&counters);
	changed = changed && text == NULL;
	pthread_mutex_unlock(&lock);
	if (text != NULL && counters_replace(path, text, &failure) == 0) {
		*failed = false;
	} else if (text != NULL) {
		if (!*failed)
			log_warning(
			    "stats: %s; expected stats_file in [milter] "
			    "to be in a directory that this program may "
			    "write to, or empty",
			    failure_text(&failure));
		*failed = true;
	}
	free(text);
	failure_clear(&failure);
	config_put(config);
}

static void *
write_thread(void *arg)
{
	struct timespec until;
	bool failed = false, last;

	(void)arg;
	do {
		write_file(&failed);
		until = clock_deadline(WRITE_SECONDS * 1000);
		pthread_mutex_lock(&lock);
		if (!ending)
			(void)pthread_cond_clockwait(
			    &wake, &lock, CLOCK_MONOTONIC, &until);
		last = ending;
		pthread_mutex_unlock(&lock);
	} while (!last);
	write_file(&failed);
	return (NULL);
}

int
stats_start(void)
{
	struct config *config;

	config = config_get();
	if (*config->settings->stats_file != '\0')
		begin(config->settings->stats_file);
	config_put(config);
	return (
	    pthread_create(&thread, NULL, write_thread, NULL) == 0 ? 0 : -1);
}

void
stats_write(void)
{
	pthread_mutex_lock(&lock);
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
}

void
stats_end(bool quiet)
{
	pthread_mutex_lock(&lock);
	ending = true;
	pthread_cond_signal(&wake);
	pthread_mutex_unlock(&lock);
	(void)pthread_join(thread, NULL);
	if (quiet)
		counters_clear(&counters);
}
