/* What the command line asks for; the words are explained at the top of load.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

const char *host = "127.0.0.1";

struct wish wish = {
    .path = "/",
    .cpu = "",
    .rooms = 1,
    .listeners = 1000,
    .speakers = 1,
    .under_way = 1,
    .at_once = 64,
    .warm = 1,
    .seconds = 3,
    .size = 200,
};

void stop(const char *words, ...) {
    va_list rest;
    va_start(rest, words);
    fputs("load: ", stderr);
    vfprintf(stderr, words, rest);
    fputc('\n', stderr);
    exit(2);
}

static bool read_count(const char *name, const char *value) {
    struct {
        const char *name;
        unsigned *to;
    } counts[] = {
        {"--port", &wish.port},       {"--rooms", &wish.rooms}, {"--listeners", &wish.listeners},
        {"--under-way", &wish.under_way}, {"--at-once", &wish.at_once}, {"--join", &wish.join},
        {"--hold", &wish.hold},       {"--speakers", &wish.speakers},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (strcmp(name, counts[i].name) == 0) {
            *counts[i].to = (unsigned)strtoul(value, NULL, 10);
            return true;
        }
    return false;
}

static bool read_number(const char *name, const char *value) {
    if (strcmp(name, "--rate") == 0)
        wish.rate = atof(value);
    else if (strcmp(name, "--warm") == 0)
        wish.warm = atof(value);
    else if (strcmp(name, "--seconds") == 0)
        wish.seconds = atof(value);
    else if (strcmp(name, "--size") == 0)
        wish.size = strtoul(value, NULL, 10);
    else
        return false;
    return true;
}

static bool read_word(const char *name, const char *value) {
    if (strcmp(name, "--path") == 0)
        wish.path = value;
    else if (strcmp(name, "--speaker-path") == 0)
        wish.speaker_path = value;
    else if (strcmp(name, "--again-path") == 0)
        wish.again_path = value;
    else if (strcmp(name, "--cpu") == 0)
        wish.cpu = value;
    else if (strcmp(name, "--host") == 0)
        host = value;
    else if (strcmp(name, "--door") == 0)
        return (wish.door = find_door(value)) != NULL;
    else if (strcmp(name, "--speaker-door") == 0)
        return (wish.speaker_door = find_door(value)) != NULL;
    else
        return false;
    return true;
}

void read_wishes(int count, char **words) {
    if (count % 2 == 0)
        stop("%s has no value", words[count - 1]);
    for (int i = 1; i < count; i += 2)
        if (!read_count(words[i], words[i + 1]) && !read_number(words[i], words[i + 1]) &&
            !read_word(words[i], words[i + 1]))
            stop("%s %s is not understood", words[i], words[i + 1]);
    if (wish.port == 0 || wish.door == NULL || wish.rooms == 0 || wish.listeners == 0)
        stop("--port, --door, --rooms and --listeners are needed");
    if (wish.size < TEXT_LEAST || wish.size > TEXT_MOST)
        stop("--size is %d to %d bytes", TEXT_LEAST, TEXT_MOST);
    if (wish.speakers == 0 || wish.speakers > VOICES_MOST || wish.speakers > wish.listeners)
        stop("--speakers is 1 to %d, and not more than --listeners", VOICES_MOST);
    if (wish.under_way == 0 || wish.under_way > UNDER_WAY_MOST)
        stop("--under-way is 1 to %d", UNDER_WAY_MOST);
}
