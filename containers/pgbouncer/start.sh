#!/bin/sh
# Writes the list of users from the environment into memory and becomes pgbouncer. Upstream's own start is not used: it
# writes admin passwords as md5, and reads no file beside its own.
set -eu
: "${REGISTRY_DB_PASSWORD:?}" "${PGBOUNCER_ADMIN_PASSWORD:?}"
umask 077
{
  printf '"ninefold_registry" "%s"\n' "$REGISTRY_DB_PASSWORD"
  printf '"pgbouncer_admin" "%s"\n' "$PGBOUNCER_ADMIN_PASSWORD"
} >/tmp/userlist.txt || exit 1
unset REGISTRY_DB_PASSWORD PGBOUNCER_ADMIN_PASSWORD
exec /usr/bin/pgbouncer /etc/ninefold/pgbouncer.ini
