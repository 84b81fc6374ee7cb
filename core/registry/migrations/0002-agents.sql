-- Agents: the envelope's facts and the card exactly as served. `card_text` keeps the publisher's key order.
create table registry.agents (
  id uuid primary key,
  did text not null unique,
  slug text not null unique,
  owner uuid not null references registry.accounts (id),
  status text not null check (status in ('active', 'deprecated', 'suspended', 'retired')),
  sequence bigint not null check (sequence > 0),
  card_text text not null,             -- A2A 1.0 card as JSON text (converted where a 0.3 card came)
  card_original text,                  -- the 0.3 card as it came
  card_etag text not null,             -- strong ETag of the hosted card's bytes, without quotes
  card_digest text not null,
  card_version text not null,
  signature_status text not null check (signature_status in ('unsigned', 'verified', 'invalid')),
  signature_form text check (signature_form in ('spec', 'sdk', '0.3')),  -- the canonical form that was verified
  signature_kid text,                  -- the developer's key that verified it
  origin_registry text not null default '', -- name and place of the registry when the envelope was signed
  origin_location json,
  hosted_card text not null,           -- the card with the registry's signature: the bytes of .well-known/agent-card.json
  registry_signature text not null,    -- JWS over the envelope, made once per sequence
  created_at timestamptz not null,
  updated_at timestamptz not null,
  retired_at timestamptz,
  status_reason text,
  suspended_by text check (suspended_by in ('owner', 'operator')),
  intent json,                         -- a change of status on its way through the TEG; a sweep finishes it
  teg_sequence bigint not null default 0  -- the sequence up to which the TEG's account agrees
);
create index agents_owner on registry.agents (owner, created_at desc, id desc);
create index agents_created on registry.agents (created_at desc, id desc);
create index agents_unsettled on registry.agents (id) where teg_sequence < sequence or intent is not null;

-- The genesis grant that a developer is due; committed with the first agent, once per grant key.
create table registry.grants_due (
  developer uuid primary key references registry.accounts (id),
  grant_key text not null unique,
  agent uuid not null references registry.agents (id),
  amount bigint not null check (amount >= 0),
  due_since timestamptz not null,
  granted_at timestamptz,
  refused_code text,
  attempts integer not null default 0,
  next_attempt_at timestamptz not null
);
create index grants_waiting on registry.grants_due (next_attempt_at) where granted_at is null and refused_code is null;
