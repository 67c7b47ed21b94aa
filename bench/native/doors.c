/* The doors: how each kind of client comes in, hears and says.
 *
 *   ws          WebSocket; a text is a frame, as the plain peers have it
 *   meet        WebSocket of Meet: asks as JSON, in when welcomed
 *   socketio    Socket.IO 4 over a WebSocket
 *   irc         IRC (RFC 2812): NICK, USER, JOIN, PRIVMSG
 *   sse         server-sent events over HTTP/1.1; only hears
 *   post        HTTP POST on one kept connection, answers not waited for; only says
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

static bool begins(const char *data, size_t length, const char *with) {
    size_t wanted = strlen(with);
    return length >= wanted && memcmp(data, with, wanted) == 0;
}

/* The end of a head of HTTP, or NULL while it has not come. */
static char *head_end(char *data, size_t length) {
    char *end = memmem(data, length, "\r\n\r\n", 4);
    return end == NULL ? NULL : end + 4;
}

static bool answered(const char *data, size_t length, const char *status) {
    return length > 12 && begins(data, length, "HTTP/1.") && memcmp(data + 9, status, strlen(status)) == 0;
}

/* ---- WebSocket (RFC 6455) */

static void send_frame(struct connection *c, unsigned opcode, const char *data, size_t length) {
    static uint32_t chance = 0x9E3779B9;
    unsigned char frame[TEXT_MOST + 256];
    size_t at = 0;
    if (length + 8 > sizeof frame)
        length = sizeof frame - 8;
    frame[at++] = (unsigned char)(0x80 | opcode);
    if (length < 126) {
        frame[at++] = (unsigned char)(0x80 | length);
    } else {
        frame[at++] = 0x80 | 126;
        frame[at++] = (unsigned char)(length >> 8);
        frame[at++] = (unsigned char)length;
    }
    chance ^= chance << 13, chance ^= chance >> 17, chance ^= chance << 5;
    unsigned char mask[4];
    memcpy(mask, &chance, 4);
    memcpy(frame + at, mask, 4);
    at += 4;
    for (size_t i = 0; i < length; i++)
        frame[at + i] = (unsigned char)data[i] ^ mask[i & 3];
    send_bytes(c, frame, at + length);
}

static void ask_for_socket(struct connection *c, const char *subprotocol) {
    char path[512], head[1024];
    fill_path(c, path, sizeof path);
    int length = snprintf(head, sizeof head,
                          "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n%s\r\n",
                          path, host, subprotocol);
    send_bytes(c, head, (size_t)length);
    c->step = SHAKING;
}

/* Takes what is whole; each message goes to `message`, once the handshake has been answered. */
static size_t take_socket(struct connection *c, char *data, size_t length, void (*opened)(struct connection *),
                          void (*message)(struct connection *, char *, size_t)) {
    size_t used = 0;
    if (c->step == SHAKING) {
        char *end = head_end(data, length);
        if (end == NULL)
            return 0;
        if (!answered(data, length, "101")) {
            refuse(c, data, length);
            return length;
        }
        used = (size_t)(end - data);
        c->step = JOINING;
        opened(c);
    }
    while (length - used >= 2) {
        unsigned char *frame = (unsigned char *)data + used;
        size_t head = 2, body = frame[1] & 0x7F;
        if (body == 126) {
            if (length - used < 4)
                break;
            head = 4;
            body = (size_t)frame[2] << 8 | frame[3];
        } else if (body == 127) {
            if (length - used < 10)
                break;
            head = 10;
            body = 0;
            for (int i = 2; i < 10; i++)
                body = body << 8 | frame[i];
        }
        if (length - used < head + body)
            break;
        used += head + body;
        switch (frame[0] & 0x0F) {
        case 1:
        case 2:
            message(c, (char *)frame + head, body);
            break;
        case 9:
            send_frame(c, 10, (char *)frame + head, body);
            break;
        }
    }
    return used;
}

static void hello_ws(struct connection *c) { ask_for_socket(c, ""); }

static size_t take_ws(struct connection *c, char *data, size_t length) {
    return take_socket(c, data, length, joined, judge);
}

static void say_ws(struct connection *c, const char *text, size_t length, uint64_t number) {
    (void)number;
    send_frame(c, 1, text, length);
}

/* ---- Meet's WebSocket */

static void hello_meet(struct connection *c) { ask_for_socket(c, "Sec-WebSocket-Protocol: meet.v1\r\n"); }

static void still_to_join(struct connection *c) { (void)c; }

/* The string behind `"key":"` in a message, as a copy; what was in `into` before is freed. */
static void keep_string(char **into, const char *data, size_t length, const char *key) {
    const char *at = memmem(data, length, key, strlen(key));
    if (at == NULL)
        return;
    at += strlen(key);
    const char *end = memchr(at, '"', length - (size_t)(at - data));
    if (end == NULL)
        return;
    free(*into);
    *into = strndup(at, (size_t)(end - at));
}

static void welcome(struct connection *c, char *data, size_t length) {
    if (coming_back()) {
        keep_string(&c->token, data, length, "\"token\":\"");
        keep_string(&c->position, data, length, "\"law\":\"");
        /* What was missed stands in the welcome, oldest first. */
        char *at = memmem(data, length, "\"entries\":", 10);
        for (; at != NULL && (at = memmem(at, length - (size_t)(at - data), "[\"", 2)) != NULL; at += 2) {
            char *end = memmem(at, length - (size_t)(at - data), "}]", 2);
            if (end == NULL)
                break;
            keep_string(&c->position, at, (size_t)(end - at), "[\"");
            if (memmem(at, (size_t)(end - at), "@@", 2) != NULL)
                judge(c, at, (size_t)(end - at));
        }
    }
    joined(c);
}

static void message_meet(struct connection *c, char *data, size_t length) {
    if (begins(data, length, "[\"")) {
        if (coming_back())
            keep_string(&c->position, data, length, "[\"");
        judge(c, data, length);
    } else if (memmem(data, length < 400 ? length : 400, "\"kind\":\"welcome\"", 16) != NULL) {
        welcome(c, data, length);
    } else if (memmem(data, length, "\"kind\":\"refused\"", 16) != NULL) {
        refuse(c, data, length);
    }
}

static size_t take_meet(struct connection *c, char *data, size_t length) {
    return take_socket(c, data, length, still_to_join, message_meet);
}

static void say_meet(struct connection *c, const char *text, size_t length, uint64_t number) {
    char ask[TEXT_MOST + 128];
    int size = snprintf(ask, sizeof ask, "{\"ask\":\"say\",\"text\":\"%.*s\",\"ref\":\"%llu\"}", (int)length, text,
                        (unsigned long long)number);
    send_frame(c, 1, ask, (size_t)size);
}

/* ---- Socket.IO: a message is a digit of Engine.IO and one of Socket.IO before JSON */

static void message_socketio(struct connection *c, char *data, size_t length) {
    if (begins(data, length, "42"))
        judge(c, data, length);
    else if (begins(data, length, "0"))
        send_frame(c, 1, "40", 2);
    else if (begins(data, length, "2"))
        send_frame(c, 1, "3", 1);
    else if (begins(data, length, "40"))
        joined(c);
    else
        refuse(c, data, length);
}

static size_t take_socketio(struct connection *c, char *data, size_t length) {
    return take_socket(c, data, length, still_to_join, message_socketio);
}

static void say_socketio(struct connection *c, const char *text, size_t length, uint64_t number) {
    char message[TEXT_MOST + 32];
    (void)number;
    send_frame(c, 1, message, (size_t)snprintf(message, sizeof message, "42[\"say\",\"%.*s\"]", (int)length, text));
}

/* ---- IRC */

static void hello_irc(struct connection *c) {
    char lines[160];
    int length = snprintf(lines, sizeof lines, "NICK n%u\r\nUSER n%u 0 * :bench\r\n", c->number, c->number);
    send_bytes(c, lines, (size_t)length);
    c->step = JOINING;
}

static void line_irc(struct connection *c, char *line, size_t length) {
    char reply[600];
    char *end = line + length, *command = line;
    if (length > 0 && *line == ':') {
        command = memchr(line, ' ', length);
        if (command == NULL)
            return;
        command++;
    }
    size_t left = (size_t)(end - command);
    if (begins(command, left, "PRIVMSG #")) {
        judge(c, command, left);
    } else if (begins(command, left, "PING ")) {
        int size = snprintf(reply, sizeof reply, "PONG %.*s\r\n", (int)(left - 5), command + 5);
        send_bytes(c, reply, (size_t)size);
    } else if (begins(command, left, "001 ")) {
        fill_path(c, reply + 100, sizeof reply - 100);
        send_bytes(c, reply, (size_t)snprintf(reply, 99, "JOIN %.80s\r\n", reply + 100));
    } else if (begins(command, left, "366 ")) {
        joined(c);
    } else if (left > 3 && (*command == '4' || *command == '5' || begins(command, left, "ERROR"))) {
        /* 422: there is no message of the day. */
        if (!begins(command, left, "422 "))
            refuse(c, line, length);
    }
}

static size_t take_lines(struct connection *c, char *data, size_t length,
                         void (*line)(struct connection *, char *, size_t)) {
    size_t used = 0;
    char *end;
    while ((end = memchr(data + used, '\n', length - used)) != NULL) {
        char *start = data + used;
        used = (size_t)(end - data) + 1;
        if (end > start && end[-1] == '\r')
            end--;
        line(c, start, (size_t)(end - start));
    }
    return used;
}

static size_t take_irc(struct connection *c, char *data, size_t length) {
    return take_lines(c, data, length, line_irc);
}

static void say_irc(struct connection *c, const char *text, size_t length, uint64_t number) {
    char line[TEXT_MOST + 128], channel[80];
    (void)number;
    fill_path(c, channel, sizeof channel);
    int size = snprintf(line, sizeof line, "PRIVMSG %s :%.*s\r\n", channel, (int)length, text);
    send_bytes(c, line, (size_t)size);
}

/* ---- HTTP: server-sent events, and posting */

static void hello_sse(struct connection *c) {
    char path[512], head[800];
    fill_path(c, path, sizeof path);
    int length = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n",
                          path, host);
    send_bytes(c, head, (size_t)length);
    c->step = SHAKING;
}

/* A chunk's size and its end are lines of their own, so they need no look. */
static void line_sse(struct connection *c, char *line, size_t length) {
    if (begins(line, length, "data: ") && memmem(line, length, "@@", 2) != NULL)
        judge(c, line, length);
}

static size_t take_sse(struct connection *c, char *data, size_t length) {
    size_t used = 0;
    if (c->step == SHAKING) {
        char *end = head_end(data, length);
        if (end == NULL)
            return 0;
        if (!answered(data, length, "200")) {
            refuse(c, data, length);
            return length;
        }
        used = (size_t)(end - data);
        joined(c);
    }
    return used + take_lines(c, data + used, length - used, line_sse);
}

static void say_nothing(struct connection *c, const char *text, size_t length, uint64_t number) {
    (void)c, (void)text, (void)length, (void)number;
}

static void line_post(struct connection *c, char *line, size_t length) {
    if (begins(line, length, "HTTP/1.") && !answered(line, length, "2"))
        refuse(c, line, length);
}

static size_t take_post(struct connection *c, char *data, size_t length) {
    return take_lines(c, data, length, line_post);
}

static void say_post(struct connection *c, const char *text, size_t length, uint64_t number) {
    char request[TEXT_MOST + 1024], path[512];
    (void)number;
    fill_path(c, path, sizeof path);
    int size = snprintf(request, sizeof request, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %zu\r\n\r\n%.*s",
                        path, host, length, (int)length, text);
    send_bytes(c, request, (size_t)size);
}

static const struct door DOORS[] = {
    {"ws", true, hello_ws, take_ws, say_ws},
    {"meet", true, hello_meet, take_meet, say_meet},
    {"socketio", true, hello_ws, take_socketio, say_socketio},
    {"irc", false, hello_irc, take_irc, say_irc},
    {"sse", false, hello_sse, take_sse, say_nothing},
    {"post", false, joined, take_post, say_post},
};

const struct door *find_door(const char *name) {
    for (size_t i = 0; i < sizeof DOORS / sizeof *DOORS; i++)
        if (strcmp(DOORS[i].name, name) == 0)
            return &DOORS[i];
    return NULL;
}
