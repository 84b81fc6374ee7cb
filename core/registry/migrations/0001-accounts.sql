-- Accounts of developers (and operators), their roles. Other domains refer to accounts(id).
create table registry.accounts (
  id uuid primary key,
  email text not null,                 -- as given
  email_key text not null unique,      -- case folded, for login and uniqueness
  grant_key text not null,             -- case folded and without plus-tag: one genesis grant each
  display_name text not null,
  password_hash text not null,
  email_verified_at timestamptz,
  roles text[] not null default '{}' check (roles <@ array['operator', 'auditor']),
  status text not null default 'active' check (status in ('active', 'suspended', 'deleted')),
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create index accounts_created on registry.accounts (created_at, id);
