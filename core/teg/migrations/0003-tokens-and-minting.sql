-- Payment tokens, minting, fences of tasks.
-- A row of teg.transfers is a movement (code null), a hold (code 'held': its terms stand in teg.tokens) or a refusal.
-- `scope`: null is the payer, 'payee' the payee, else system:<task>.
alter table teg.transfers drop constraint transfers_kind_check, drop constraint transfers_legs;
alter table teg.transfers
  add constraint transfers_kind check (kind in ('transfer', 'refund', 'genesis_grant', 'payment', 'hold', 'mint', 'burn')),
  add constraint transfers_legs check (
    (to_seq is null) = (to_balance is null) and (from_seq is null) = (from_balance is null)
    and case when code is null
      then (from_seq is null) = (from_agent is null) and (to_seq is null) = (to_agent is null) and kind <> 'hold'
        and case kind when 'mint' then from_agent is null when 'burn' then to_agent is null else to_agent is not null end
      else from_seq is null and to_seq is null end);

-- Tokens as they were issued; a hold lowers what is available, never the balance.
create table teg.tokens (
  seq bigint primary key,
  id uuid not null unique,
  payer uuid not null,
  payee uuid not null,
  amount bigint not null check (amount > 0),
  created_at timestamptz not null,
  expires_at timestamptz not null,
  task_ref text,
  check (expires_at > created_at and expires_at <= created_at + interval '1 day')
);
create index tokens_payer on teg.tokens (payer, seq);
create index tokens_payee on teg.tokens (payee, seq);
create index tokens_held on teg.tokens (payer, expires_at);  -- what was held at a moment: no token lives longer than a day

-- How tokens ended: each once, whatever calls race for it.
create table teg.token_steps (
  seq bigint primary key,
  token uuid not null references teg.tokens (id),
  issued bigint not null,            -- the token's number
  payer uuid not null,
  payee uuid not null,
  status smallint not null check (status in (2, 3, 4)),  -- 2 redeemed, 3 cancelled, 4 expired
  amount bigint not null default 0,  -- what was redeemed; the rest was released
  transfer uuid,
  created_at timestamptz not null,
  constraint token_steps_token unique (token),
  check ((status = 2) = (transfer is not null) and (status = 2) = (amount > 0))
);
create index token_steps_payer on teg.token_steps (payer, status, issued);
create index token_steps_payee on teg.token_steps (payee, status, issued);

-- Tokens that have not ended: a queue, not history. The sum of an account's is its `held`.
create table teg.open_tokens (
  token uuid primary key,
  payer uuid not null,
  payee uuid not null,
  issued bigint not null,
  amount bigint not null,
  expires_at timestamptz not null
) with (autovacuum_vacuum_scale_factor = 0.05);
create index open_tokens_due on teg.open_tokens (expires_at, token);
create index open_tokens_payer on teg.open_tokens (payer, expires_at);
create index open_tokens_payee on teg.open_tokens (payee);

-- The highest epoch of each task that the gate has seen, by (incarnation of the registry's database, counter).
create table teg.task_epochs (
  task text primary key,
  incarnation bigint not null default 0 check (incarnation >= 0),
  epoch bigint not null default 0 check (epoch >= 0)
) with (fillfactor = 50);

-- Whether this TEG has minting authority, as its configuration said at the last start.
alter table teg.meta add column minting boolean not null default false;
-- Credits of the treasury that are no fees.
alter table teg.system_deltas add column minted boolean not null default false;

create function teg.keep_minted() returns trigger language plpgsql as $$
begin
  raise exception 'teg.meta.ever_minted is history: it is never taken back' using errcode = 'insufficient_privilege';
end $$;
create trigger keep_minted before update on teg.meta
  for each row when (old.ever_minted and not new.ever_minted) execute function teg.keep_minted();
create trigger refuse_delete before delete on teg.meta for each row execute function teg.refuse_change();

-- Without minting authority only grants that are recorded may issue AVT, and nothing may be destroyed.
create function teg.guard_supply() returns trigger language plpgsql as $$
begin
  if (select m.minting from teg.meta m) then
    return new;
  end if;
  if new.account = 'issuance' and -new.amount = (
    select sum(t.amount) from teg.transfers t
    join teg.grants g on g.developer = case t.kind when 'genesis_grant' then t.key::uuid end and g.transfer = t.id
    where t.seq >= new.seq and t.seq < new.seq + 5000 and t.code is null) then
    return new;
  end if;
  raise exception 'teg.system_deltas: this TEG has no minting authority' using errcode = 'insufficient_privilege';
end $$;
create trigger guard_supply before insert on teg.system_deltas
  for each row when (new.account in ('issuance', 'destruction')) execute function teg.guard_supply();

create trigger refuse_change before update or delete on teg.tokens
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.tokens
  for each statement execute function teg.refuse_change();
create trigger refuse_change before update or delete on teg.token_steps
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.token_steps
  for each statement execute function teg.refuse_change();

create or replace view teg.postings as
select t.seq, leg.leg, t.id as transfer_id, leg.account, leg.amount, leg.balance_after, leg.account_seq, t.created_at
from teg.transfers t
cross join lateral (values
  (0, case when t.kind = 'burn' then 'system:destruction' when t.from_agent is null then 'system:issuance' end,
    case when t.kind = 'burn' then t.amount else -t.amount end, null::bigint, null::bigint),
  (1, t.from_agent::text, -t.amount, t.from_balance, t.from_seq),
  (2, t.to_agent::text, t.amount - t.fee, t.to_balance, t.to_seq),
  (3, case when t.fee > 0 or (t.kind in ('mint', 'burn') and t.from_agent is null and t.to_agent is null)
      then 'system:treasury' end,
    case t.kind when 'mint' then t.amount when 'burn' then -t.amount else t.fee end, null, null)
) as leg (leg, account, amount, balance_after, account_seq)
where t.code is null and leg.account is not null;
