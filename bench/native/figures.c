/* Clocks, and a histogram of spans of time.
 *
 * CPU time is the kernel's own account of a process (utime + stime, all threads, also those
 * that have ended), read by its CPU clock: /proc shows the same in steps of 10 ms.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "load.h"

/* Buckets: 32 for each doubling, so a span is known to about 2 per cent. */
enum { FINE = 32, DOUBLINGS = 44 };

static uint64_t counts[DOUBLINGS * FINE];
static uint64_t total;

static double seconds(clockid_t clock) {
    struct timespec at;
    if (clock_gettime(clock, &at) != 0)
        return -1;
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

uint64_t nanoseconds(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000ull + (uint64_t)at.tv_nsec;
}

double cpu_of(const char *pids) {
    double sum = 0;
    for (const char *each = pids; each != NULL && *each != '\0';) {
        clockid_t clock;
        double spent;
        if (clock_getcpuclockid((pid_t)atol(each), &clock) != 0 || (spent = seconds(clock)) < 0)
            return -1;
        sum += spent;
        each = strchr(each, ',');
        each = each == NULL ? NULL : each + 1;
    }
    return sum;
}

double cpu_of_self(void) { return seconds(CLOCK_PROCESS_CPUTIME_ID); }

void figures_clear(void) {
    memset(counts, 0, sizeof counts);
    total = 0;
}

static size_t bucket(uint64_t span) {
    if (span < FINE)
        return (size_t)span;
    int doubling = 63 - __builtin_clzll(span) - 5;
    size_t at = (size_t)doubling * FINE + (size_t)(span >> doubling);
    size_t last = sizeof counts / sizeof *counts - 1;
    return at < last ? at : last;
}

void figures_note(uint64_t span) {
    counts[bucket(span)]++;
    total++;
}

/* The largest span that falls into a bucket. */
static double upper(size_t at) {
    if (at < FINE)
        return (double)at;
    size_t doubling = at / FINE - 1;
    return (double)((at % FINE + FINE + 1) << doubling) - 1;
}

double figures_at(double share) {
    uint64_t wanted = (uint64_t)((double)total * share), seen = 0;
    if (total == 0)
        return -1;
    for (size_t at = 0; at < sizeof counts / sizeof *counts; at++) {
        seen += counts[at];
        if (seen > wanted || (seen == total && seen >= wanted))
            return upper(at) / 1e6;
    }
    return -1;
}
