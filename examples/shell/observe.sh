#!/bin/sh
# Shows what is said now in every room, by redis-cli alone: at most once, from now on.
#
#   sh observe.sh [prefix]            REDISCLI_AUTH and the options in REDIS_CLI say where Redis is
set -eu
prefix=${1:-meet}
# shellcheck disable=SC2086  # several options
redis-cli ${REDIS_CLI:-} --raw psubscribe "$prefix:{*}:room:*" |
    while read -r line; do
        case $line in
            *' {'*'"kind":"said"'*) printf '%s\n' "$line" ;;
        esac
    done
