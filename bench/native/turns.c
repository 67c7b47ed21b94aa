/* What happens in a turn of the loop: coming in, saying, hearing, and judging what was heard. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

static const uint64_t AGAIN = 20; /* milliseconds between two tries to come back */

enum { BUFFER = 1 << 20, EVENTS = 512, LETTERS = 26, MARK = 2 + 4 + 2 + 11, ROOM_MASK = 0xFFFF };

struct faults faults;
uint64_t now, heard, heard_bytes;

struct room *rooms;
struct connection *people;
uint32_t population, inside;
bool talking, timing_joins;
uint64_t said_in_all, answered_at;

static uint32_t invited, on_the_way;
static struct connection **dirty;
static size_t dirty_count;
static uint64_t next_say, turn_of;
static bool holding;
static int poll_fd;
static char buffer[BUFFER], text[TEXT_MOST];

bool coming_back(void) { return wish.again_path != NULL; }

void fill_path(struct connection *c, char *to, size_t size) {
    size_t at = 0;
    for (const char *from = c->token && wish.again_path ? wish.again_path : c->path; *from && at + 1 < size; from++) {
        if (*from != '%' || from[1] == '\0') {
            to[at++] = *from;
            continue;
        }
        from++;
        const char *word = *from == 't' ? c->token : c->position;
        if (*from == 'r' || *from == 'n')
            at += (size_t)snprintf(to + at, size - at, "%u", *from == 'r' ? c->room->number : c->number);
        else
            at += (size_t)snprintf(to + at, size - at, "%s", word == NULL ? "" : word);
        if (at >= size)
            stop("the path is too long");
    }
    to[at] = '\0';
}

/* ---- sending */

static void watch(struct connection *c, bool writable) {
    struct epoll_event event = {.events = EPOLLIN | (writable ? EPOLLOUT : 0), .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &event);
    c->blocked = writable;
}

static void gone(struct connection *c) {
    if (c->step == GONE)
        return;
    if (c->step == IN)
        inside--;
    else
        on_the_way--;
    close(c->fd);
    c->step = GONE;
    c->held_length = c->out_length = 0;
    if (!coming_back())
        faults.closed++;
}

static void flush(struct connection *c) {
    if (c->step <= CONNECTING || c->step == GONE || c->out_length == 0)
        return;
    ssize_t sent = send(c->fd, c->out, c->out_length, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) {
        gone(c);
        return;
    }
    if (sent > 0) {
        c->out_length -= (size_t)sent;
        memmove(c->out, c->out + sent, c->out_length);
    }
    if ((c->out_length > 0) != c->blocked)
        watch(c, c->out_length > 0);
}

void send_bytes(struct connection *c, const void *data, size_t length) {
    if (c->out_length + length > c->out_size) {
        c->out_size = (c->out_length + length) * 2;
        c->out = realloc(c->out, c->out_size);
    }
    memcpy(c->out + c->out_length, data, length);
    c->out_length += length;
    if (!c->dirty) {
        c->dirty = true;
        dirty[dirty_count++] = c;
    }
}

static void flush_all(void) {
    for (size_t i = 0; i < dirty_count; i++) {
        dirty[i]->dirty = false;
        if (!dirty[i]->blocked)
            flush(dirty[i]);
    }
    dirty_count = 0;
}

/* ---- saying and hearing */

/* The text of a message is a mark, the room, the voice and the number in hexadecimal, and letters that go with the
 * number. */
static const char *letters_of(uint64_t number) {
    static char letters[TEXT_MOST + LETTERS];
    if (letters[0] == '\0')
        for (size_t i = 0; i < sizeof letters; i++)
            letters[i] = (char)('a' + i % LETTERS);
    return letters + number % LETTERS;
}

static void compose(struct connection *c, uint64_t number) {
    unsigned voice = (unsigned)(c->voice - c->room->voices);
    snprintf(text, sizeof text, "@@%04x%02x%011llx", c->room->number & ROOM_MASK, voice, (unsigned long long)number);
    memcpy(text + MARK, letters_of(number), wish.size - MARK);
}

static void say_one(struct voice *voice) {
    struct connection *c = voice->speaker;
    if (c->step != IN)
        return;
    compose(c, voice->said);
    voice->at[voice->said % UNDER_WAY_MOST] = nanoseconds();
    c->door->say(c, text, wish.size, voice->said++);
    said_in_all++;
}

/* All voices, counted through the rooms: first the first of each. */
static struct voice *voice_at(uint64_t place) {
    return &rooms[place % wish.rooms].voices[place / wish.rooms % wish.speakers];
}

uint64_t under_way(void) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < (uint64_t)wish.rooms * wish.speakers; i++)
        sum += voice_at(i)->said - voice_at(i)->done;
    return sum;
}

void say_all(void) {
    for (uint64_t i = 0; i < (uint64_t)wish.rooms * wish.speakers && wish.rate == 0; i++)
        for (uint64_t left = wish.under_way - (voice_at(i)->said - voice_at(i)->done); left > 0; left--)
            say_one(voice_at(i));
    next_say = nanoseconds();
}

static bool hex(const char *at, size_t digits, uint64_t *value) {
    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        *value = *value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return true;
}

void judge(struct connection *c, char *data, size_t length) {
    if (!c->listens)
        return;
    const char *mark = memmem(data, length, "@@", 2);
    uint64_t room, which, number;
    if (mark == NULL || length - (size_t)(mark - data) < wish.size || !hex(mark + 2, 4, &room) ||
        !hex(mark + 6, 2, &which) || !hex(mark + 8, 11, &number) || which >= wish.speakers) {
        faults.torn++;
        return;
    }
    if (room != (c->room->number & ROOM_MASK)) {
        faults.astray++;
        return;
    }
    uint64_t *next = &c->next[which];
    if (number != *next) {
        if (number < *next) {
            faults.twice++;
            return;
        }
        faults.lost += number - *next;
        *next = number;
    }
    if (memcmp(mark + MARK, letters_of(number), wish.size - MARK) != 0) {
        faults.torn++;
        return;
    }
    (*next)++;
    heard++;
    heard_bytes += length;
    size_t at = number % UNDER_WAY_MOST;
    struct voice *voice = &c->room->voices[which];
    figures_note(now - voice->at[at]);
    if (++voice->with[at] == c->room->listeners) {
        voice->with[at] = 0;
        voice->done++;
        if (talking && wish.rate == 0)
            say_one(voice);
    }
}

void refuse(struct connection *c, const char *words, size_t length) {
    if (faults.refused++ == 0)
        fprintf(stderr, "load: connection %u was told: %.*s\n", c->number, (int)(length < 300 ? length : 300), words);
    if (c->step != IN)
        gone(c);
}

/* ---- coming in */

void joined(struct connection *c) {
    if (c->step == IN)
        return;
    on_the_way--;
    inside++;
    c->step = IN;
    if (timing_joins)
        figures_note(nanoseconds() - c->begun);
    /* After a break, what it may have said in vain is said again, with the same ref. */
    if (coming_back() && c->voice != NULL)
        for (uint64_t number = c->next[c->voice - c->room->voices]; number < c->voice->said; number++) {
            compose(c, number);
            c->door->say(c, text, wish.size, number);
        }
}

static void come(struct connection *c) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)wish.port)};
    inet_pton(AF_INET, host, &to.sin_addr);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        stop("no socket for connection %u: %s", c->number, strerror(errno));
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    c->step = CONNECTING;
    c->begun = nanoseconds();
    c->blocked = true;
    on_the_way++;
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        stop("port %u does not answer: %s", wish.port, strerror(errno));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &event);
}

static void invite(void) {
    while (invited < population && on_the_way < wish.at_once)
        come(&people[invited++]);
    if (coming_back() && !holding)
        for (uint32_t i = 0; i < population && on_the_way < wish.at_once; i++)
            if (people[i].step == GONE && nanoseconds() - people[i].begun > AGAIN * MILLISECOND)
                come(&people[i]);
}

/* ---- one turn of the loop */

static void read_from(struct connection *c) {
    memcpy(buffer, c->held, c->held_length);
    ssize_t got = recv(c->fd, buffer + c->held_length, BUFFER - c->held_length, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN)
            gone(c);
        return;
    }
    now = nanoseconds();
    size_t length = c->held_length + (size_t)got;
    size_t used = c->door->take(c, buffer, length);
    if (c->step == GONE)
        return;
    c->held_length = length - used;
    if (c->held_length > 0) {
        c->held = realloc(c->held, c->held_length);
        memcpy(c->held, buffer + used, c->held_length);
    }
}

static void serve(struct connection *c, uint32_t events) {
    if (c->step == GONE)
        return;
    if (c->step == CONNECTING) {
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) {
            gone(c);
            return;
        }
        if (answered_at == 0)
            answered_at = nanoseconds();
        c->step = SHAKING;
        watch(c, false);
        c->door->hello(c);
    } else {
        if (events & EPOLLOUT)
            flush(c);
        if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && c->step != GONE)
            read_from(c);
    }
}

void turn(uint64_t until) {
    struct epoll_event events[EVENTS];
    uint64_t at = nanoseconds(), wake = until;
    while (talking && wish.rate > 0 && next_say <= at) {
        struct voice *voice = voice_at(turn_of++);
        if (voice->said - voice->done < UNDER_WAY_MOST)
            say_one(voice);
        next_say += (uint64_t)(1e9 / wish.rate);
    }
    invite();
    flush_all();
    if (talking && wish.rate > 0 && next_say < wake)
        wake = next_say;
    int wait = wake <= at ? 0 : (int)((wake - at + MILLISECOND - 1) / MILLISECOND);
    int count = epoll_wait(poll_fd, events, EVENTS, wait > 50 ? 50 : wait);
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr == NULL) {
            if (read(STDIN_FILENO, buffer, 1) <= 0)
                stop("standard input ended");
            holding = false;
        } else {
            serve(events[i].data.ptr, events[i].events);
        }
    flush_all();
}

void open_loop(uint32_t most) {
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    dirty = calloc(most, sizeof *dirty);
}

void hold(void) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &event);
    for (holding = true; holding;)
        turn(nanoseconds() + 50 * MILLISECOND);
    epoll_ctl(poll_fd, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
}
