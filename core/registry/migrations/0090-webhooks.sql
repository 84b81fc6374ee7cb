-- Endpoints that are told of events. Secrets are sealed with SECRET_KEY; `lease` fences one lane of deliveries at a time.
create table registry.webhooks (
  id uuid primary key,
  account uuid references registry.accounts (id),  -- null: the operators' own; such a webhook is told everything
  url text not null,
  types text[] not null,
  description text,
  ordered boolean not null,
  secret text not null,                -- sealed: the HMAC secret and the seed of the Ed25519 key
  secret_before text,                  -- the one before the last rotation, good until secret_before_until
  secret_before_until timestamptz,
  after_index bigint not null,         -- the head of the journal when it was made: what is older is told by a replay only
  disabled_at timestamptz,
  disabled_reason text check (disabled_reason in ('owner', 'gone', 'failing', 'backlog')),
  disabled_index bigint,               -- the head of the journal then
  -- What delivering has found: failures in a row, since when; until when the breaker or the endpoint wants a pause.
  failures integer not null default 0,
  failing_since timestamptz,
  paused_until timestamptz,
  slow boolean not null default false,
  lease bigint not null default 0,
  leased_until timestamptz,
  served_at timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  check ((disabled_at is null) = (disabled_reason is null))
);
create index webhooks_account on registry.webhooks (account, id);
-- Moves with every change of who wants what: readers know by it whether what they hold is still right.
create table registry.webhook_set (
  only_row boolean primary key default true check (only_row),
  version bigint not null default 0
);
insert into registry.webhook_set default values;
-- One row per webhook and index of the journal; a test has no index but a body of its own. `log` holds the last attempts.
-- No index holds what an attempt changes, so that keeping its outcome touches the row alone.
create table registry.webhook_deliveries (
  id uuid primary key,
  webhook uuid not null references registry.webhooks (id) on delete cascade,
  index bigint references registry.journal (index),
  event_id uuid not null,              -- the webhook-id of every attempt
  type text not null,
  body text,
  state text not null check (state in ('waiting', 'delivered', 'failed')),
  attempts integer not null default 0,
  log text not null default '',        -- JSON objects, comma separated: appended to without being parsed
  created_at timestamptz not null,
  finished_at timestamptz,
  constraint webhook_delivery_once unique (webhook, index),
  check ((index is null) = (body is not null))
) with (fillfactor = 50);
create index webhook_deliveries_list on registry.webhook_deliveries (webhook, id);
-- Deliveries that wait, and since when each is due.
create table registry.webhook_queue (
  webhook uuid not null references registry.webhooks (id) on delete cascade,
  index bigint not null,
  delivery uuid not null,
  attempts integer not null,
  tries integer not null,              -- attempts of the present round: a redelivery begins a new one
  due_at timestamptz not null,
  primary key (webhook, index)
);
create index webhook_queue_due on registry.webhook_queue (webhook, due_at, index);
