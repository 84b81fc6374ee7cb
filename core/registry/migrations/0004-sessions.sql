-- A session is a login and the family of its refresh tokens; access tokens name it and die with it.
create table registry.sessions (
  id uuid primary key,
  account uuid not null references registry.accounts (id),
  address text not null,
  user_agent text,
  created_at timestamptz not null,
  last_used_at timestamptz not null,   -- the last login or refresh
  expires_at timestamptz not null,
  revoked_at timestamptz
);
create index sessions_account on registry.sessions (account, id desc);
create index sessions_expiry on registry.sessions (expires_at);

-- Refresh tokens rotate; a used one stays so that its reuse is seen.
create table registry.refresh_tokens (
  hash text primary key,               -- hex SHA-256 of the token
  session uuid not null references registry.sessions (id) on delete cascade,
  created_at timestamptz not null,
  expires_at timestamptz not null,
  used_at timestamptz
);
create index refresh_tokens_session on registry.refresh_tokens (session);
create index refresh_tokens_expiry on registry.refresh_tokens (expires_at);

-- Links sent by mail: single use, hashed.
create table registry.mail_tokens (
  hash text primary key,
  purpose text not null check (purpose in ('verify', 'reset')),
  account uuid not null references registry.accounts (id),
  created_at timestamptz not null,
  expires_at timestamptz not null
);
create index mail_tokens_account on registry.mail_tokens (account, purpose);
create index mail_tokens_expiry on registry.mail_tokens (expires_at);

-- Failed logins by subject: a digest of the address that was typed in, a client's address, or both together.
create table registry.login_failures (
  subject text primary key,
  failures integer not null,
  last_failed_at timestamptz not null,
  blocked_until timestamptz
);
create index login_failures_age on registry.login_failures (last_failed_at);
