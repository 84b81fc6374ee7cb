#!/bin/sh
# Runs once, when the data directory is empty: the roles of one service's database. The owner migrates and owns the tables,
# the service's role works, the auditor reads. Later passwords are changed by ALTER ROLE.
set -eu
: "${NINEFOLD_ROLE:?}" "${NINEFOLD_OWNER_PASSWORD:?}" "${NINEFOLD_ROLE_PASSWORD:?}" "${NINEFOLD_AUDITOR_PASSWORD:?}"
psql -v ON_ERROR_STOP=1 --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
  -v db="$POSTGRES_DB" -v role="$NINEFOLD_ROLE" <<'SQL'
\getenv owner_password NINEFOLD_OWNER_PASSWORD
\getenv role_password NINEFOLD_ROLE_PASSWORD
\getenv auditor_password NINEFOLD_AUDITOR_PASSWORD
create role ninefold_owner login password :'owner_password';
create role :"role" login password :'role_password';
create role ninefold_auditor login password :'auditor_password' connection limit 5;
alter role ninefold_owner set idle_in_transaction_session_timeout = '5min';
alter role :"role" set statement_timeout = '60s';
alter role :"role" set lock_timeout = '30s';
alter role :"role" set idle_in_transaction_session_timeout = '60s';
alter role ninefold_auditor set statement_timeout = '10min';
alter role ninefold_auditor set default_transaction_read_only = on;
alter database :"db" owner to ninefold_owner;
revoke all on database :"db" from public;
grant connect on database :"db" to :"role", ninefold_auditor;
revoke all on schema public from public;
SQL
