#!/bin/sh
# Runs once, behind 10-roles.sh, where one server holds two services: the second database with the role of its service.
set -eu
: "${NINEFOLD_SECOND_DB:?}" "${NINEFOLD_SECOND_ROLE:?}" "${NINEFOLD_SECOND_PASSWORD:?}"
psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  -v db="$NINEFOLD_SECOND_DB" -v role="$NINEFOLD_SECOND_ROLE" <<'SQL'
\getenv role_password NINEFOLD_SECOND_PASSWORD
create role :"role" login password :'role_password';
alter role :"role" set statement_timeout = '60s';
alter role :"role" set lock_timeout = '30s';
alter role :"role" set idle_in_transaction_session_timeout = '60s';
create database :"db" owner ninefold_owner;
revoke all on database :"db" from public;
grant connect on database :"db" to :"role", ninefold_auditor;
\connect :"db"
revoke all on schema public from public;
SQL
