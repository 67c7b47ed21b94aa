/* The yardstick: a bare loop of send() over the sockets of a room.
 *
 *   loop PORT [join]
 *
 * It speaks just enough WebSocket to be measured by the same listeners: any request is answered
 * 101, the last number in its path is the room, and each text frame goes to everybody in the
 * room, the speaker too, in one send() for each socket.  With `join`, the frames that came in one
 * read go out in one send().  No handshake is checked and no frame but short texts is known:
 * what it costs is the kernel's own price and next to nothing else.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOMS = 4096, SOCKETS = 65536, BUFFER = 1 << 18, EVENTS = 512 };

struct room {
    int *sockets;
    size_t count, size;
};

static struct room rooms[ROOMS];
static struct {
    bool open;
    unsigned room;
} people[SOCKETS];
static char input[BUFFER], output[BUFFER];
static bool joining;
static const char ANSWER[] = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

static void leave(int fd) {
    struct room *room = &rooms[people[fd].room];
    for (size_t i = 0; people[fd].open && i < room->count; i++)
        if (room->sockets[i] == fd)
            room->sockets[i--] = room->sockets[--room->count];
    people[fd].open = false;
    close(fd);
}

static void send_whole(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t sent = send(fd, data, length, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EAGAIN) {
            struct pollfd full = {.fd = fd, .events = POLLOUT};
            poll(&full, 1, -1);
            continue;
        }
        if (sent < 0)
            return;
        data += sent;
        length -= (size_t)sent;
    }
}

static void send_all(struct room *room, const char *data, size_t length) {
    for (size_t i = 0; i < room->count; i++)
        send_whole(room->sockets[i], data, length);
}

static void enter(int fd, char *request, size_t length) {
    char *end = memchr(request, '\r', length), *at = request;
    unsigned number = 0;
    for (; at < end && !(at[0] == '/' && at[1] == 'r'); at++)
        ;
    if (at < end)
        number = (unsigned)atoi(at + 2) % ROOMS;
    struct room *room = &rooms[number];
    if (room->count == room->size) {
        room->size = room->size ? room->size * 2 : 16;
        room->sockets = realloc(room->sockets, room->size * sizeof *room->sockets);
    }
    room->sockets[room->count++] = fd;
    people[fd].open = true;
    people[fd].room = number;
    send_whole(fd, ANSWER, sizeof ANSWER - 1);
}

/* The masked text frames in `data` become unmasked ones; says how much of it was used. */
static size_t take_frames(int fd, unsigned char *data, size_t length) {
    struct room *room = &rooms[people[fd].room];
    size_t used = 0, written = 0;
    while (length - used >= 6) {
        unsigned char *frame = data + used;
        size_t body = frame[1] & 0x7F, head = 2;
        if (body == 126) {
            head = 4;
            body = (size_t)frame[2] << 8 | frame[3];
        }
        if (length - used < head + 4 + body)
            break;
        unsigned char *mask = frame + head, *text = mask + 4;
        memcpy(output + written, frame, head);
        output[written + 1] = (char)(frame[1] & 0x7F);
        for (size_t i = 0; i < body; i++)
            output[written + head + i] = (char)(text[i] ^ mask[i & 3]);
        used += head + 4 + body;
        written += head + body;
        if (!joining) {
            send_all(room, output, written);
            written = 0;
        }
    }
    if (written > 0)
        send_all(room, output, written);
    return used;
}

static void take(int fd) {
    static size_t held[SOCKETS];
    static char *rest[SOCKETS];
    memcpy(input, rest[fd], held[fd]);
    ssize_t got = recv(fd, input + held[fd], BUFFER - held[fd], MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) {
            held[fd] = 0;
            leave(fd);
        }
        return;
    }
    size_t length = held[fd] + (size_t)got, used;
    if (people[fd].open) {
        used = take_frames(fd, (unsigned char *)input, length);
    } else {
        used = memmem(input, length, "\r\n\r\n", 4) == NULL ? 0 : length;
        if (used)
            enter(fd, input, length);
    }
    held[fd] = length - used;
    if (held[fd] > 0) {
        rest[fd] = realloc(rest[fd], held[fd]);
        memcpy(rest[fd], input + used, held[fd]);
    }
}

int main(int count, char **words) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    joining = count > 2 && strcmp(words[2], "join") == 0;
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons((uint16_t)(count > 1 ? atoi(words[1]) : 0))};
    inet_pton(AF_INET, "127.0.0.1", &here.sin_addr);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), poll_fd = epoll_create1(EPOLL_CLOEXEC);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) < 0 || listen(listener, 4096) < 0) {
        perror("loop");
        return 1;
    }
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int ready = epoll_wait(poll_fd, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                take(fd);
                continue;
            }
            fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (fd < 0)
                continue;
            if (fd >= SOCKETS) {
                close(fd);
                continue;
            }
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
            epoll_ctl(poll_fd, EPOLL_CTL_ADD, fd, &event);
        }
    }
}
