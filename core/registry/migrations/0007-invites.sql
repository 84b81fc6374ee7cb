-- Invites to a registry that is not open to everybody.
create table registry.invites (
  id uuid primary key,
  code_hash text not null unique,
  prefix text not null,
  email text,
  email_key text,                      -- only this address may use it; null: anybody
  uses integer not null default 0,
  uses_max integer not null check (uses_max > 0),
  created_by uuid references registry.accounts (id),
  created_at timestamptz not null,
  expires_at timestamptz,
  revoked_at timestamptz,
  check (uses <= uses_max)
);
alter table registry.accounts add column invite uuid references registry.invites (id);
