/* The load generator: people in rooms, what they say, and whether everyone heard it.
 *
 *   load --port N --door ws --path /r%r [--rooms 1] [--listeners 1000] [--speakers 1]
 *        [--under-way 1 | --rate 20] [--warm 1] [--seconds 3] [--cpu PID,PID] [--speaker-door post --speaker-path /say/%r]
 *        [--join 1000] [--hold 1] [--again-path ...] [--size 200] [--host 127.0.0.1]
 *
 * In a path %r is the room's number, %n the connection's, %t and %p Meet's token and position.
 * The first --speakers of a room (1) speak, or as many of --speaker-door, each with so many messages
 * under way.  Everybody comes in; then --hold waits for a line on standard input; then, with --join,
 * as many more come in and are timed; then messages are said.  The window that is measured begins
 * and ends with nothing under way, and CPU is read a little after its end, so that work put off is
 * in it.
 *
 * Standard output gets one JSON object a line, the last one with the figures.  Exit code 0 only
 * if every listener heard every message, in order, once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "load.h"

static const double SETTLE = 0.5;  /* seconds that a server has to come to rest once all are in */
static const double TRAIL = 0.2;   /* seconds after the last delivery in which work put off is done */
static const double PATIENCE = 30; /* seconds without any progress after which we give up */
static const double NO_HOPE = 1;   /* the same, once something is known to be wrong */

static bool wrong(void) {
    return faults.lost || faults.twice || faults.torn || faults.astray || faults.refused || faults.closed ||
           faults.unheard;
}

static void run_for(double seconds) {
    uint64_t end = nanoseconds() + (uint64_t)(seconds * 1e9);
    while (nanoseconds() < end)
        turn(end);
}

/* Goes on until nothing is under way. */
static void drain(void) {
    uint64_t seen = heard, since = nanoseconds();
    while (under_way() > 0) {
        turn(nanoseconds() + 50 * MILLISECOND);
        if (heard != seen)
            seen = heard, since = nanoseconds();
        if (nanoseconds() - since > (uint64_t)((wrong() ? NO_HOPE : PATIENCE) * 1e9)) {
            faults.unheard += under_way();
            return;
        }
    }
}

static void gather(uint32_t wanted) {
    uint32_t seen = inside;
    uint64_t since = nanoseconds();
    while (inside < wanted && (coming_back() || faults.closed == 0)) {
        turn(nanoseconds() + 50 * MILLISECOND);
        if (inside != seen)
            seen = inside, since = nanoseconds();
        if (nanoseconds() - since > (uint64_t)(PATIENCE * 1e9))
            stop("only %u of %u came in", inside, wanted);
    }
    if (inside < wanted)
        stop("%llu connections were refused or closed while coming in", (unsigned long long)faults.closed);
}

/* ---- the whole */

static void place(uint32_t from, uint32_t to) {
    for (uint32_t i = from; i < to; i++)
        people[i] = (struct connection){
            .number = i,
            .door = wish.door,
            .path = wish.path,
            .listens = true,
            .next = calloc(wish.speakers, sizeof(uint64_t)),
        };
}

static void furnish(void) {
    bool apart = wish.speaker_door != NULL;
    uint32_t seats = wish.listeners + (apart ? wish.speakers : 0), all = wish.rooms * seats;
    rooms = calloc(wish.rooms, sizeof *rooms);
    people = calloc(all + wish.join, sizeof *people);
    open_loop(all + wish.join);
    place(0, all + wish.join);
    for (uint32_t i = 0; i < all; i++) {
        struct room *room = &rooms[i / seats];
        people[i].room = room;
        if (i % seats == 0) {
            room->number = i / seats;
            room->voices = calloc(wish.speakers, sizeof *room->voices);
        }
        if (i % seats < wish.speakers) {
            people[i].voice = &room->voices[i % seats];
            people[i].voice->speaker = &people[i];
            if (apart) {
                people[i].door = wish.speaker_door;
                people[i].path = wish.speaker_path ? wish.speaker_path : wish.path;
            }
            people[i].listens = !apart && wish.door->hears_itself;
        }
        room->listeners += people[i].listens;
    }
    for (uint32_t i = 0; i < wish.join; i++)
        people[all + i].room = &rooms[0];
    population = all;
}

/* Times --join more who come in to the first room. */
static void time_joins(void) {
    double cpu = cpu_of(wish.cpu);
    uint64_t begin = nanoseconds();
    figures_clear();
    timing_joins = true;
    population += wish.join;
    gather(population);
    uint64_t end = nanoseconds();
    timing_joins = false;
    run_for(TRAIL);
    printf("{\"joined\": %u, \"wall\": %.6f, \"server_cpu\": %.6f, \"p50\": %.3f, \"p99\": %.3f}\n", wish.join,
           (double)(end - begin) / 1e9, cpu_of(wish.cpu) - cpu, figures_at(.50), figures_at(.99));
}

/* Waits until everyone has lost the connection, then times how all come back, and hear what they missed. */
static void time_return(void) {
    uint64_t begin = nanoseconds();
    printf("{\"talking\": %u}\n", inside);
    while (inside > population / 2) {
        turn(nanoseconds() + 10 * MILLISECOND);
        if (nanoseconds() - begin > (uint64_t)(3 * PATIENCE * 1e9))
            stop("nobody lost the connection");
    }
    answered_at = 0;
    while (inside < population) {
        turn(nanoseconds() + MILLISECOND);
        if (answered_at != 0 && nanoseconds() - answered_at > (uint64_t)(PATIENCE * 1e9))
            stop("only %u of %u came back", inside, population);
    }
    printf("{\"back\": %u, \"wall\": %.6f}\n", inside, (double)(nanoseconds() - answered_at) / 1e9);
}

static void talk(void) {
    talking = true;
    say_all();
    run_for(wish.warm);
    talking = false;
    drain();

    uint64_t heard_before = heard, bytes_before = heard_bytes, said_before = said_in_all;
    figures_clear();
    double cpu = cpu_of(wish.cpu), self = cpu_of_self();
    uint64_t begin = nanoseconds(), last;
    talking = !wrong();
    if (talking)
        say_all();
    if (coming_back())
        time_return();
    run_for(talking ? wish.seconds : 0);
    talking = false;
    drain();
    last = nanoseconds();
    self = cpu_of_self() - self;
    run_for(TRAIL);
    printf("{\"deliveries\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"wall\": %.6f, "
           "\"server_cpu\": %.6f, \"load_cpu\": %.6f, \"p50\": %.3f, \"p99\": %.3f, ",
           heard - heard_before, said_in_all - said_before, heard_bytes - bytes_before, (double)(last - begin) / 1e9,
           cpu_of(wish.cpu) - cpu, self, figures_at(.50), figures_at(.99));
    printf("\"lost\": %" PRIu64 ", \"twice\": %" PRIu64 ", \"torn\": %" PRIu64 ", \"astray\": %" PRIu64
           ", \"refused\": %" PRIu64 ", \"closed\": %" PRIu64 ", \"unheard\": %" PRIu64 "}\n",
           faults.lost, faults.twice, faults.torn, faults.astray, faults.refused, faults.closed, faults.unheard);
}

int main(int count, char **words) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    setvbuf(stdout, NULL, _IOLBF, 0);
    read_wishes(count, words);
    furnish();
    gather(population);
    run_for(SETTLE);
    printf("{\"inside\": %u}\n", inside);
    if (wish.hold)
        hold();
    if (wish.join > 0)
        time_joins();
    else if (wish.seconds > 0)
        talk();
    /* A reset leaves no port waiting for its end. */
    struct linger at_once = {.l_onoff = 1};
    for (uint32_t i = 0; i < population; i++)
        if (people[i].step != GONE)
            setsockopt(people[i].fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return wrong();
}
