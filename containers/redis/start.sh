#!/bin/sh
# Adds the password to the configuration, in memory, and becomes the server.
set -eu
: "${REDIS_PASSWORD:?}"
umask 077
{ cat /etc/ninefold/redis.conf; printf 'requirepass %s\n' "$REDIS_PASSWORD"; } >/tmp/redis.conf || exit 1
unset REDIS_PASSWORD
exec redis-server /tmp/redis.conf
