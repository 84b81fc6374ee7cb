-- The history in narrower rows: teg.moves as it is stored, teg.transfers as it is read. Accounts stand in it by number,
-- ids are made of number and time, and of a key only its digest is kept. Half the bytes and an index less for each transfer.
create type teg.kind as enum ('transfer', 'refund', 'genesis_grant', 'payment', 'hold', 'mint', 'burn');

-- The id of what a ledger number names: a UUIDv7 of its time and the number; the last digit is free for what belongs to it.
create function teg.id_of(p_seq bigint, p_at timestamptz) returns uuid language sql immutable parallel safe as $$
  select (lpad(to_hex(floor(extract(epoch from p_at) * 1000)::bigint), 12, '0')
    || '7' || substr(s.digits, 1, 3) || '8' || substr(s.digits, 4, 3) || substr(s.digits, 7, 11) || '0')::uuid
  from (select lpad(to_hex(p_seq), 17, '0') as digits) s
$$;
-- The number in an id that may be such a one; null: it surely is none.
create function teg.seq_of(p_id uuid) returns bigint language sql immutable parallel safe as $$
  select case when s.digits ~ '^.{12}7[0-9a-f]{3}8[0-9a-f]{14}0$' and substr(s.digits, 14, 1) = '0'
      and substr(s.digits, 15, 1) < '8'
    then ('x' || substr(s.digits, 15, 2) || substr(s.digits, 18, 14))::bit(64)::bigint end
  from (select replace(p_id::text, '-', '') as digits) s
$$;

-- An account's number: a quarter of its id in every row and index of the history. The gate locks what it writes, and no
-- account is ever deleted: foreign keys would only be checked again and again.
alter table teg.accounts add column no integer generated always as identity;
alter table teg.accounts add constraint accounts_no unique (no);
alter table teg.account_steps drop constraint account_steps_account_fkey;
alter table teg.grants drop constraint grants_agent_fkey;
-- Each constraint is prepared anew for each statement: one is cheaper than seven.
alter table teg.accounts
  drop constraint accounts_balance_check, drop constraint accounts_held_check, drop constraint accounts_staked_check,
  drop constraint accounts_unbonding_check, drop constraint accounts_seq_check, drop constraint accounts_status_check,
  drop constraint accounts_available;
alter table teg.accounts add constraint accounts_sums check (
  held between 0 and balance and least(staked, unbonding, seq) >= 0 and status between 1 and 3);

-- The same of the queues that each batch fills; a domain is prepared once.
create domain teg.system_account as text
  check (value ~ '^(treasury|staking_reserve|rewards_payable|issuance|destruction|suspense|transit:.{1,255})$');
drop trigger guard_supply on teg.system_deltas;
alter table teg.system_deltas drop constraint system_deltas_account_check, alter column account type teg.system_account;
create trigger guard_supply before insert on teg.system_deltas
  for each row when (new.account in ('issuance', 'destruction')) execute function teg.guard_supply();
alter table teg.outbox drop constraint outbox_events_check;  -- teg.outbox_numbered has it

-- One row per outcome that uses up its key: movements (code null) with both legs, holds (code 'held') and refusals.
create table teg.moves (
  seq bigint not null,
  idem uuid not null,                -- 128 bits of SHA-256 over scope and key: a short unique index
  request_hash bigint not null,      -- 64 bits of SHA-256 over what was asked: compared with one row, never searched for
  amount bigint not null,
  fee bigint not null default 0,
  from_seq bigint,                   -- the payer's leg: number and balance after it
  from_balance bigint,
  to_seq bigint,
  to_balance bigint,
  created_at timestamptz not null,
  from_no integer,                   -- the acting account; null where a system account pays
  to_no integer,
  fee_ppm integer not null default 0,
  fee_snapshot integer,
  kind teg.kind not null,
  from_held bigint,                  -- the payer's holds at that moment; null: none
  id uuid,                           -- of rows older than the ids that are made of their numbers
  refund_of uuid,
  scope text,                        -- null: the acting account; else 'payee' or system:<task>
  key text,                          -- of grants: the developer
  memo text,
  reference text,
  code text,
  detail text,
  constraint moves_seq primary key (seq),
  constraint moves_idem unique (idem),
  constraint moves_legs check (
    case when code is null
      then amount > 0 and fee >= 0 and fee < amount and (from_seq is null) = (from_no is null)
        and (to_seq is null) = (to_no is null) and kind <> 'hold'
        and case kind when 'mint' then from_no is null when 'burn' then to_no is null else to_no is not null end
      else from_seq is null and to_seq is null end
    and (to_seq is null) = (to_balance is null) and (from_seq is null) = (from_balance is null))
) with (autovacuum_vacuum_insert_scale_factor = 0.05);
insert into teg.moves
select t.seq, t.idem, ('x' || substr(replace(t.request_hash::text, '-', ''), 1, 16))::bit(64)::bigint, t.amount, t.fee,
  t.from_seq, t.from_balance, t.to_seq, t.to_balance, t.created_at, p.no, q.no, t.fee_ppm, t.fee_snapshot::integer,
  t.kind::teg.kind, t.from_held, t.id, t.refund_of, t.scope, case t.kind when 'genesis_grant' then t.key end, t.memo,
  t.reference, t.code, t.detail
from teg.transfers t left join teg.accounts p on p.id = t.from_agent left join teg.accounts q on q.id = t.to_agent
order by t.seq;
drop view teg.postings;
drop table teg.transfers;

create unique index moves_out on teg.moves (from_no, from_seq) where from_seq is not null;
create unique index moves_in on teg.moves (to_no, to_seq) where to_seq is not null;
create index moves_refunds on teg.moves (refund_of) where refund_of is not null and code is null;
create unique index moves_id on teg.moves (id) where id is not null;
create trigger refuse_change before update or delete on teg.moves for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.moves for each statement execute function teg.refuse_change();

create view teg.transfers as
select m.seq, coalesce(m.id, teg.id_of(m.seq, m.created_at)) as id, m.id as stored_id, m.idem, m.request_hash,
  p.id as from_agent, p.did as from_did, q.id as to_agent, q.did as to_did, m.amount, m.fee, m.from_seq, m.from_balance,
  m.to_seq, m.to_balance, m.created_at, m.fee_ppm, m.fee_snapshot, m.from_held, m.refund_of, m.kind::text as kind, m.scope,
  m.key, m.memo, m.reference, m.code, m.detail
from teg.moves m left join teg.accounts p on p.no = m.from_no left join teg.accounts q on q.no = m.to_no;
create trigger refuse_change instead of update or delete on teg.transfers
  for each row execute function teg.refuse_change();

-- Every leg: the postings of a movement sum to zero.
create view teg.postings as
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

create or replace function teg.guard_supply() returns trigger language plpgsql as $$
begin
  if (select m.minting from teg.meta m) then
    return new;
  end if;
  if new.account = 'issuance' and -new.amount = (
    select sum(t.amount) from teg.moves t
    join teg.grants g on g.developer = case t.kind when 'genesis_grant' then t.key::uuid end
      and g.transfer = coalesce(t.id, teg.id_of(t.seq, t.created_at))
    where t.seq >= new.seq and t.seq < new.seq + 5000 and t.code is null) then
    return new;
  end if;
  raise exception 'teg.system_deltas: this TEG has no minting authority' using errcode = 'insufficient_privilege';
end $$;
