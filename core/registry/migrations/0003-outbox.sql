-- Facts on their way to the journal. `position` is no cursor (commits are not in its order): the relay deletes what it took.
create table registry.outbox (
  position bigint generated always as identity primary key,
  id uuid not null unique,
  type text not null,
  subject text not null,
  data json not null,
  audience uuid[],
  occurred_at timestamptz not null
);
-- Replies of commands that do not end in the gate, kept for a repeat with the same Idempotency-Key.
create table registry.idempotency (
  principal text not null,
  key text not null,
  request_hash text not null,
  status integer,
  body text,
  created_at timestamptz not null,
  primary key (principal, key)
);
create index idempotency_age on registry.idempotency (created_at);
-- Server keys by purpose: access tokens, envelopes and hosted cards, quotes, sealed replies.
create table registry.server_keys (
  kid text primary key,
  purpose text not null,
  algorithm text not null,
  private_key text not null,           -- a JWK, sealed when SECRET_KEY is set
  public_key json,
  created_at timestamptz not null,
  retired_at timestamptz
);
create index server_keys_purpose on registry.server_keys (purpose, created_at desc);
