#!/bin/sh
# Says a line by curl: comes in, says it, leaves.  Asked again with the same ref it would be said once.
#
#   sh say.sh http://localhost:8080 algebra Timer 'Ten minutes left.'
set -eu
at=$1/api/v1/rooms/$2 nick=$3 text=$4
quoted() { printf '%s' "$1" | sed 's/[\\"]/\\&/g'; }
token=$(curl -sSf "$at/sessions" -d "{\"nick\": \"$(quoted "$nick")\"}" | sed 's/.*"token":"\([^"]*\)".*/\1/')
trap 'curl -sSf -X DELETE "$at/sessions" -H "Authorization: Bearer $token"' EXIT
curl -sSf "$at/says" -H "Authorization: Bearer $token" -d "{\"text\": \"$(quoted "$text")\", \"ref\": \"$$\"}"
