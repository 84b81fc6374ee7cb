-- Steps that the gate takes only when a batch needs them. Repeatable.
-- What looks rows up by lists of keys has no other plan than to look them up: one that was made while a ledger was small, and is
-- kept until the server analyzes it, would join the whole history to the list.
-- Inserts the accounts that a batch opens, so that they can be locked. Gives those that were not there before.
create or replace function teg.open_accounts(p_now timestamptz, p_accounts uuid[], p_op smallint[], p_from integer[],
  p_extra text[])
returns uuid[] language plpgsql set enable_seqscan = off as $$
declare
  v_made uuid[];
begin
  with wanted as (
    select distinct on (p_accounts[c.place]) p_accounts[c.place] as id, c.extra::json as about
    from unnest(p_op, p_from, p_extra) with ordinality as c(op, place, extra, i)
    where c.op = 1 order by p_accounts[c.place], c.i
  ), made as (
    insert into teg.accounts (id, did, owner, opened_at)
    select w.id, w.about ->> 'did', (w.about ->> 'owner')::uuid, coalesce(p_now, clock_timestamp())
    from wanted w where not exists (select from teg.accounts a where a.id = w.id)  -- an attempt would use up a number
    order by w.id on conflict do nothing returning accounts.id
  )
  select coalesce(array_agg(m.id), '{}') into v_made from made m;
  return v_made;
end $$;

-- The accounts that dids name, in their order; null for one that names none. A did never changes its account.
create or replace function teg.find_dids(p_dids text[]) returns uuid[] language plpgsql stable
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return (select array_agg(acc.id order by d.place)
    from unnest(p_dids) with ordinality as d(did, place) left join teg.accounts acc on acc.did = d.did);
end $$;

-- The ledger number of a movement, hold or refusal by its id; null: there is none.
create or replace function teg.find_move(p_id uuid) returns bigint language plpgsql stable set enable_seqscan = off as $$
begin
  return coalesce(
    (select m.seq from teg.moves m
      where m.seq = teg.seq_of(p_id) and m.id is null and teg.id_of(m.seq, m.created_at) = p_id),
    (select m.seq from teg.moves m where m.id = p_id));
end $$;

-- What commands name beside agents, by command: the transfers that refunds pay back, the tokens, and those who paid or
-- will pay; null where the command names none or it is unknown. Payers, payees and terms never change.
create or replace function teg.find_named(p_op smallint[], p_extra text[],
  out originals uuid[], out tokens teg.tokens[], out payers uuid[])
language plpgsql stable set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  select array_agg(m.id order by c.place), array_agg(k order by c.place),
    array_agg(coalesce(m.from_agent, k.payer) order by c.place)
  into originals, tokens, payers
  from (select r.place, case when r.op = 4 then (r.extra::json ->> 'original')::uuid end as original,
      case when r.op in (7, 8, 9) then (r.extra::json ->> 'token')::uuid end as token
    from unnest(p_op, p_extra) with ordinality as r(op, extra, place)) c
  left join lateral (select t.id, t.from_agent from teg.transfers t
    where c.original is not null and t.seq = (select teg.find_move(c.original)) and t.code is null limit 1) m on true
  left join teg.tokens k on k.id = c.token;
end $$;

-- What the gate knows of them under its locks, and of the budget and the treasury where a command asks for them.
create or replace function teg.read_found(p_op smallint[], p_accounts uuid[], p_from integer[], p_originals uuid[],
  p_tokens teg.tokens[], p_day date, p_minting boolean, out kinds text[], out lefts bigint[], out firsts integer[],
  out states smallint[], out granted bigint, out minting boolean, out treasury numeric)
language plpgsql set enable_seqscan = off as $$
begin
  if 4 = any (p_op) then
    select o.kinds, o.lefts, o.firsts into kinds, lefts, firsts from teg.read_originals(p_originals, p_accounts, p_from) o;
  end if;
  if p_op && array[7, 8, 9]::smallint[] then
    states := teg.read_token_states(p_tokens);
  end if;
  if 5 = any (p_op) then
    perform pg_advisory_xact_lock(hashtext('teg.genesis_budget'));
    granted := (select coalesce(sum(g.amount), 0)::bigint from teg.grants g where g.granted_on = p_day);
  end if;
  if p_op && array[10, 11]::smallint[] then
    minting := p_minting and (select m.minting from teg.meta m);
    -- Only a burn that names no agent takes from the treasury.
    if exists (select from unnest(p_op, p_from) as c(op, payer) where c.op = 11 and c.payer is null) then
      treasury := teg.lock_treasury();
    end if;
  end if;
end $$;

-- What of them can still be paid back, read under their payees' locks: by command, kinds are null where the acting account
-- is not the one that was paid; the sum is kept at the first command that names the transfer.
create or replace function teg.read_originals(p_originals uuid[], p_accounts uuid[], p_from integer[],
  out kinds text[], out lefts bigint[], out firsts integer[])
language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  select array_agg(case when o.to_agent = p_accounts[c.acting] then o.kind end order by c.place),
    array_agg(o.amount - o.fee - coalesce(d.paid, 0) order by c.place), array_agg(c.first order by c.place)
  into kinds, lefts, firsts
  from (select u.place, u.id, u.acting, min(u.place) over (partition by u.id)::integer as first
    from unnest(p_originals, p_from) with ordinality as u(id, acting, place)) c
  left join lateral (select t.to_agent, t.kind, t.amount, t.fee from teg.transfers t
    where c.id is not null and t.seq = (select teg.find_move(c.id)) limit 1) o on true
  left join lateral (select sum(m.amount)::bigint as paid from teg.moves m
    where m.refund_of = c.id and m.code is null) d on true;
end $$;

-- The ledger number of the movement that a closing made; null: it made none.
create or replace function teg.find_closing(p_account uuid, p_sequence bigint)
returns bigint language plpgsql stable set enable_seqscan = off as $$
begin
  return (select s.seq from teg.account_steps s where s.account = p_account
    and s.sequence = p_sequence and s.transfer is not null order by s.seq desc limit 1);
end $$;

-- Records the grants that a batch has made.
drop function if exists teg.write_grants;
create function teg.write_grants(p_base bigint, p_now timestamptz, p_day date, p_op smallint[], p_state smallint[],
  p_to uuid[], p_amount bigint[], p_extra text[])
returns void language plpgsql as $$
begin
  insert into teg.grants (developer, agent, transfer, amount, granted_on)
  select (c.extra::json ->> 'developer')::uuid, c.agent, teg.id_of(p_base + c.place - 1, p_now), c.amount, p_day
  from unnest(p_op, p_state, p_to, p_amount, p_extra) with ordinality as c(op, state, agent, amount, extra, place)
  where c.op = 5 and c.state = 0;
end $$;

-- Locks what keys have spent on a day and gives it. A key's first transfer of a day sweeps days long past, at most a hundred.
create or replace function teg.lock_spending(p_keys uuid[], p_day date)
returns bigint[] language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  insert into teg.key_spending (key_id, day) select u.id, p_day from unnest(p_keys) as u(id) order by u.id
  on conflict do nothing;
  if found then
    delete from teg.key_spending s where (s.key_id, s.day) in (
      select old.key_id, old.day from teg.key_spending old where old.day < p_day - 2
      order by old.day limit 100 for update skip locked);
  end if;
  perform from teg.key_spending s where s.key_id = any (p_keys) and s.day = p_day order by s.key_id for update;
  return (select array_agg(s.spent order by u.place)
    from unnest(p_keys) with ordinality as u(id, place) join teg.key_spending s on s.key_id = u.id and s.day = p_day);
end $$;

-- Folds deltas of the system accounts into their rows, so that a read adds up a bounded number of them: the trigger fold_gone
-- adds up what is deleted. Who comes while another folds goes on. Nothing locks an account of an agent after this.
create or replace function teg.fold_deltas(p_rows integer) returns void language plpgsql as $$
begin
  if not pg_try_advisory_xact_lock(hashtext('teg.fold_deltas')) then
    return;
  end if;
  delete from teg.system_deltas d where (d.account, d.seq) in (
    select w.account, w.seq from teg.system_deltas w order by w.account, w.seq limit p_rows);
end $$;

-- Whether the first outcome of a key was a refusal.
create or replace function teg.was_refused(p_seq bigint) returns boolean language plpgsql stable set enable_seqscan = off as $$
begin
  return (select m.code is not null and m.code <> 'held' from teg.moves m where m.seq = p_seq);
end $$;
