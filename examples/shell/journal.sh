#!/bin/sh
# Tells each event of one room's shard once, durably, by redis-cli alone: what was not told yet, and ends.
#
#   sh journal.sh NAME SHARD [prefix]          for example from cron, for each shard from 0 to 63
set -eu
name=$1 shard=$(printf '%02d' "$2") prefix=${3:-meet}
scripts=${MEET_SCRIPTS:-$(dirname "$0")/../../meet/broker/redis}
# shellcheck disable=SC2086  # several options
redis() { redis-cli ${REDIS_CLI:-} --raw "$@"; }
key() { printf '%s:{%s}:%s' "$prefix" "$shard" "$1"; }

redis --eval "$scripts/register.lua" "$(key journal)" "$(key rooms)" "$(key "backfill:$name")" "$(key head:)" , "$name" >&2
redis --eval "$scripts/inherit.lua" "$(key journal)" , "$name" "$name-shell" >&2
for since in 0 '>'; do
    while :; do
        # A number, its six words, the next number …
        told=$(redis --eval "$scripts/next.lua" "$(key journal)" "$(key asleep)" , "$name" "$name-shell" 1 "$since")
        [ -n "$told" ] || break
        # What was erased since has no words any more.
        [ "$(printf '%s\n' "$told" | wc -l)" -lt 7 ] || printf '%s\n' "$told" | tail -n 1
        number=$(printf '%s\n' "$told" | head -n 1)
        redis --eval "$scripts/acknowledge.lua" "$(key journal)" , "$name" "$number" >/dev/null
    done
done
