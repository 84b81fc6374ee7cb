-- The ledger of the TEG. Amounts are micro-AVT. History is append-only: triggers refuse to change it.
create table teg.meta (
  one boolean primary key default true check (one),
  incarnation uuid not null default gen_random_uuid(),  -- of this database; a restore gets a new one
  ever_minted boolean not null default false
);
insert into teg.meta default values;

-- One row per agent. The only mutable balances; changed by the gate alone. No index on a changing column: updates stay HOT.
create table teg.accounts (
  id uuid primary key,
  balance bigint not null default 0 check (balance >= 0),
  held bigint not null default 0 check (held >= 0),
  staked bigint not null default 0 check (staked >= 0),
  unbonding bigint not null default 0 check (unbonding >= 0),
  seq bigint not null default 0 check (seq >= 0),             -- legs written so far: 1, 2, 3 ... without gaps
  status_sequence bigint not null default 0,                  -- envelope sequence of the last status change
  status smallint not null default 1 check (status in (1, 2, 3)),  -- 1 open, 2 frozen, 3 closed
  owner uuid not null,
  opened_at timestamptz not null,
  did text not null unique,
  constraint accounts_available check (held <= balance)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

-- A batch takes one block of numbers (base + ordinal): blocks of two batches never interleave. 5000 = COMMANDS_MAX.
create sequence teg.ledger_seq increment by 5000 start with 5000 cache 1;

-- One row per outcome that uses up its key: movements (code null) with both legs, and refusals (code set).
create table teg.transfers (
  seq bigint not null,
  id uuid primary key,
  idem uuid not null,                -- 128 bits of SHA-256 over scope and key: a short unique index
  request_hash uuid not null,        -- 128 bits of SHA-256 over what was asked
  from_agent uuid,                   -- the acting account; null where a system account pays
  to_agent uuid,
  amount bigint not null,
  fee bigint not null default 0,
  from_seq bigint,                   -- the payer's leg: number and balance after it
  from_balance bigint,
  to_seq bigint,
  to_balance bigint,
  created_at timestamptz not null,
  fee_ppm integer not null default 0,
  fee_snapshot bigint,
  from_held bigint,                  -- the payer's holds at that moment; null: none
  refund_of uuid,
  kind text not null check (kind in ('transfer', 'refund', 'genesis_grant')),
  scope text,                        -- null: the acting account; else system:<task>
  key text not null,
  memo text,
  reference text,
  code text,
  detail text,
  constraint transfers_idem unique (idem),
  constraint transfers_seq unique (seq),
  constraint transfers_amounts check (code is not null or (amount > 0 and fee >= 0 and fee < amount)),
  constraint transfers_legs check (
    (code is null) = (to_seq is not null)
    and (to_seq is null) = (to_balance is null)
    and (from_seq is null) = (from_balance is null)
    and (code is not null or (from_seq is null) = (from_agent is null)))
) with (autovacuum_vacuum_insert_scale_factor = 0.05);
create unique index transfers_out on teg.transfers (from_agent, from_seq) where from_seq is not null;
create unique index transfers_in on teg.transfers (to_agent, to_seq) where to_seq is not null;
create index transfers_refunds on teg.transfers (refund_of) where refund_of is not null and code is null;

-- Status changes that took effect.
create table teg.account_steps (
  seq bigint primary key,
  account uuid not null references teg.accounts (id),
  sequence bigint not null,
  status smallint not null,
  transfer uuid,                     -- where closing moved the balance
  created_at timestamptz not null
);
create index account_steps_account on teg.account_steps (account, seq);

-- System accounts: a batch appends what it changed; nothing is a hot row.
create table teg.system_deltas (
  seq bigint not null,
  account text not null check (account ~ '^(treasury|staking_reserve|rewards_payable|issuance|destruction|suspense|transit:.{1,255})$'),
  amount bigint not null,
  created_at timestamptz not null,
  primary key (account, seq)
);

-- Rates in force. The newest by settings_version counts; a quote names the one that it was given under.
create table teg.fee_snapshots (
  id bigint generated always as identity primary key,
  settings_version bigint not null unique,
  base_ppm integer not null check (base_ppm between 5000 and 50000),
  effective_ppm integer not null check (effective_ppm between 5000 and 50000),
  created_at timestamptz not null
);
insert into teg.fee_snapshots (settings_version, base_ppm, effective_ppm, created_at)
values (-1, 5000, 5000, clock_timestamp());

-- Genesis grants: one per developer in the life of the TEG.
create table teg.grants (
  developer uuid primary key,
  agent uuid not null references teg.accounts (id),
  transfer uuid not null,
  amount bigint not null check (amount > 0),
  granted_on date not null
);
create index grants_day on teg.grants (granted_on);

-- What a key has spent on a UTC day.
create table teg.key_spending (
  key_id uuid not null,
  day date not null,
  spent bigint not null default 0 check (spent >= 0),
  primary key (key_id, day)
) with (fillfactor = 50);

-- Committed batches with events that have no numbers yet: a queue, not history.
create table teg.outbox (
  base bigint primary key,
  events integer not null check (events > 0)
);
-- Their events' numbers, contiguous in the order in which the numberer saw the commits.
create table teg.outbox_numbered (
  number_last bigint primary key,
  number_first bigint not null unique,
  base bigint not null unique,
  check (number_last >= number_first)
);

create function teg.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'teg.% is history: it is never changed', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger refuse_change before update or delete on teg.transfers
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.transfers
  for each statement execute function teg.refuse_change();
create trigger refuse_change before update or delete on teg.account_steps
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.account_steps
  for each statement execute function teg.refuse_change();
create trigger refuse_change before update or delete on teg.system_deltas
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.system_deltas
  for each statement execute function teg.refuse_change();
create trigger refuse_change before update or delete on teg.fee_snapshots
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.fee_snapshots
  for each statement execute function teg.refuse_change();
create trigger refuse_change before update or delete on teg.grants
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.grants
  for each statement execute function teg.refuse_change();
create trigger refuse_change before update or delete on teg.outbox_numbered
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.outbox_numbered
  for each statement execute function teg.refuse_change();
create trigger refuse_delete before delete on teg.accounts
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.accounts
  for each statement execute function teg.refuse_change();

-- Every leg: the postings of a movement sum to zero.
create view teg.postings as
select t.seq, leg.leg, t.id as transfer_id, leg.account, leg.amount, leg.balance_after, leg.account_seq, t.created_at
from teg.transfers t
cross join lateral (values
  (0, case when t.from_agent is null then 'system:issuance' end, -t.amount, null::bigint, null::bigint),
  (1, t.from_agent::text, -t.amount, t.from_balance, t.from_seq),
  (2, t.to_agent::text, t.amount - t.fee, t.to_balance, t.to_seq),
  (3, case when t.fee > 0 then 'system:treasury' end, t.fee, null, null)
) as leg (leg, account, amount, balance_after, account_seq)
where t.code is null and leg.account is not null;
