/* What the files of the load generator share.
 *
 * One process, one thread, one epoll.  Rooms hold connections; each connection speaks the
 * protocol of its door.  The law: a delivery counts only when it is the very text that its
 * listener must hear next; anything else is counted as what it is.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    UNDER_WAY_MOST = 1024, /* messages of one room that are not yet with all its listeners; a power of two */
    VOICES_MOST = 256,     /* in one room */
    TEXT_LEAST = 40,       /* bytes: the mark of a text and something behind it */
    TEXT_MOST = 4096,
};

#define MILLISECOND 1000000ull /* in nanoseconds */

enum step { WAITING, CONNECTING, SHAKING, JOINING, IN, GONE };

struct connection;

/* How one kind of client talks.  `hello` is called once connected; `take` is given bytes and
 * says how many of them it is done with; `say` adds one text to what is to be sent. */
struct door {
    const char *name;
    bool hears_itself;
    void (*hello)(struct connection *);
    size_t (*take)(struct connection *, char *data, size_t length);
    void (*say)(struct connection *, const char *text, size_t length, uint64_t number);
};

/* What one speaker says, numbered from 0. */
struct voice {
    struct connection *speaker;
    uint64_t said; /* messages said so far */
    uint64_t done; /* messages that every listener has; those between are under way */
    uint32_t with[UNDER_WAY_MOST];
    uint64_t at[UNDER_WAY_MOST]; /* nanoseconds: when it was said */
};

struct room {
    uint32_t number;
    uint32_t listeners;
    struct voice *voices;
};

struct connection {
    int fd;
    enum step step;
    bool listens;
    bool dirty; /* is in the list of those who have something to send */
    bool blocked;
    uint32_t number;
    const struct door *door;
    const char *path;
    struct room *room;
    struct voice *voice; /* if it speaks */
    uint64_t *next;      /* of each voice, the number of the message that it must hear next */
    uint64_t begun; /* nanoseconds: when it began to connect */
    char *held; /* the beginning of a frame whose end has not come */
    size_t held_length;
    char *out;
    size_t out_length, out_size;
    char *token, *position; /* Meet's: what brings it back */
};

/* What went wrong.  All of it is 0 in a run that counts. */
struct faults {
    uint64_t lost;     /* heard a later message than the next one */
    uint64_t twice;    /* heard an earlier one again */
    uint64_t torn;     /* the text was not the one that was said */
    uint64_t astray;   /* heard what was said in another room */
    uint64_t refused;  /* was told no */
    uint64_t closed;   /* lost its connection */
    uint64_t unheard;  /* said, and not with every listener when the patience ended */
};

extern struct faults faults;
extern uint64_t now; /* nanoseconds: when the bytes at hand were read */
extern const char *host; /* for the Host header */
extern uint64_t heard;   /* deliveries, all verified */
extern uint64_t heard_bytes;

/* What was asked for on the command line. */
struct wish {
    const char *path, *speaker_path, *again_path, *cpu;
    const struct door *door, *speaker_door;
    unsigned port, rooms, listeners, speakers, under_way, at_once, join, hold;
    double rate, warm, seconds; /* messages a second, all rooms together; seconds */
    size_t size;                /* bytes of a text */
};

extern struct wish wish;

/* wishes.c */
void read_wishes(int count, char **words);
void stop(const char *words, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* doors.c */
const struct door *find_door(const char *name);

/* turns.c */
extern struct room *rooms;
extern struct connection *people;
extern uint32_t population, inside; /* how many are to be in, and how many are */
extern bool talking, timing_joins;
extern uint64_t said_in_all;
extern uint64_t answered_at; /* nanoseconds: when the port first took a connection, since this was 0 */

void open_loop(uint32_t most); /* connections */
void turn(uint64_t until);     /* nanoseconds: when it must be over, if nothing happens */
void hold(void);               /* goes on until a line comes on standard input */
void say_all(void);            /* begins to talk */
uint64_t under_way(void);      /* messages that somebody has not heard */

/* turns.c: what doors tell */
void send_bytes(struct connection *, const void *data, size_t length);
void fill_path(struct connection *, char *to, size_t size);
void joined(struct connection *);
void judge(struct connection *, char *data, size_t length);
void refuse(struct connection *, const char *words, size_t length);
bool coming_back(void);

/* figures.c */
uint64_t nanoseconds(void);
double cpu_of(const char *pids); /* seconds that these processes have computed; -1 if one is gone */
double cpu_of_self(void);
void figures_clear(void);
void figures_note(uint64_t span);
double figures_at(double share); /* milliseconds under which this share of the spans lies */

#endif
