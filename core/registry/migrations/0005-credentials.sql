-- Keys of developers (nfk_), agents (nfa_) and operators (nfo_). The preset operator key has no account.
create table registry.credentials (
  id uuid primary key,
  kind text not null check (kind in ('developer', 'agent', 'operator')),
  preset boolean not null default false,
  account uuid references registry.accounts (id),
  agent uuid references registry.agents (id),
  name text not null,
  scopes text[] not null,
  roles text[] not null default '{}' check (roles <@ array['operator', 'auditor']),
  limits json,                         -- {per_transfer, per_day, allowed_payees}: what an agent's key may spend
  hash text not null unique,           -- hex SHA-256 of the key
  prefix text not null,                -- what a list shows of the key
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  last_used_at timestamptz,            -- coarse
  check ((kind = 'agent') = (agent is not null)),
  check (account is not null or preset)
);
create index credentials_account on registry.credentials (account, kind, id desc);
create index credentials_agent on registry.credentials (agent, id desc) where agent is not null;
create unique index credentials_preset on registry.credentials (preset) where preset and revoked_at is null;

-- Public keys that developers sign their cards with.
create table registry.signing_keys (
  id uuid primary key,
  account uuid not null references registry.accounts (id),
  kid text not null,
  name text,
  jwk json not null,
  created_at timestamptz not null,
  constraint signing_keys_kid unique (account, kid)
);
create index signing_keys_account on registry.signing_keys (account, id desc);
