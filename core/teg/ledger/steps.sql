-- Steps that the gate takes only when a batch needs them. Repeatable.
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
    from wanted w order by w.id on conflict do nothing returning accounts.id
  )
  select coalesce(array_agg(m.id), '{}') into v_made from made m;
  return v_made;
end $$;

-- The accounts that dids name, in their order; null for one that names none. A did never changes its account.
create or replace function teg.find_dids(p_dids text[]) returns uuid[] language plpgsql stable set enable_seqscan = off as $$
begin
  return (select array_agg(acc.id order by d.place)
    from unnest(p_dids) with ordinality as d(did, place) left join teg.accounts acc on acc.did = d.did);
end $$;

-- The transfers that refunds pay back, by command; null where the command is none or the transfer is unknown.
create or replace function teg.find_originals(p_op smallint[], p_extra text[])
returns uuid[] language plpgsql stable set enable_seqscan = off as $$
begin
  return (select array_agg(m.id order by c.place)
    from (select r.place, case when r.op = 4 then (r.extra::json ->> 'original')::uuid end as original
      from unnest(p_op, p_extra) with ordinality as r(op, extra, place)) c
    left join teg.transfers m on m.id = c.original and m.code is null);
end $$;

-- The payers of those transfers, who will be the payees.
create or replace function teg.find_payers(p_originals uuid[])
returns uuid[] language plpgsql stable set enable_seqscan = off as $$
begin
  return (select array_agg(m.from_agent order by c.place)
    from unnest(p_originals) with ordinality as c(id, place) left join teg.transfers m on m.id = c.id);
end $$;

-- What of them can still be paid back, read under their payees' locks: by command, kinds are null where the acting account
-- is not the one that was paid; the sum is kept at the first command that names the transfer.
create or replace function teg.read_originals(p_originals uuid[], p_accounts uuid[], p_from integer[],
  out kinds text[], out lefts bigint[], out firsts integer[])
language plpgsql set enable_seqscan = off as $$
begin
  select array_agg(case when o.to_agent = p_accounts[c.acting] then o.kind end order by c.place),
    array_agg(o.amount - o.fee - coalesce(d.paid, 0) order by c.place), array_agg(c.first order by c.place)
  into kinds, lefts, firsts
  from (select u.place, u.id, u.acting, min(u.place) over (partition by u.id)::integer as first
    from unnest(p_originals, p_from) with ordinality as u(id, acting, place)) c
  left join teg.transfers o on o.id = c.id
  left join lateral (select sum(m.amount)::bigint as paid from teg.transfers m
    where m.refund_of = c.id and m.code is null) d on true;
end $$;

-- The ledger number of the movement that a closing made; null: it made none.
create or replace function teg.find_closing(p_account uuid, p_sequence bigint)
returns bigint language plpgsql stable set enable_seqscan = off as $$
begin
  return (select m.seq from teg.account_steps s join teg.transfers m on m.id = s.transfer
    where s.account = p_account and s.sequence = p_sequence order by s.seq desc limit 1);
end $$;

-- Records the grants that a batch has made.
create or replace function teg.write_grants(p_day date, p_op smallint[], p_state smallint[], p_to uuid[], p_id uuid[],
  p_amount bigint[], p_extra text[])
returns void language plpgsql as $$
begin
  insert into teg.grants (developer, agent, transfer, amount, granted_on)
  select (c.extra::json ->> 'developer')::uuid, c.agent, c.id, c.amount, p_day
  from unnest(p_op, p_state, p_to, p_id, p_amount, p_extra) as c(op, state, agent, id, amount, extra)
  where c.op = 5 and c.state = 0;
end $$;

-- Locks what keys have spent on a day and gives it. A key's first transfer of a day sweeps days long past, at most a hundred.
create or replace function teg.lock_spending(p_keys uuid[], p_day date)
returns bigint[] language plpgsql set enable_seqscan = off as $$
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

-- Folds deltas of the system accounts into their rows, so that a read adds up a bounded number of them. Who comes while
-- another folds goes on. Nothing locks an account of an agent after this.
create or replace function teg.fold_deltas(p_rows integer) returns void language plpgsql as $$
begin
  if not pg_try_advisory_xact_lock(hashtext('teg.fold_deltas')) then
    return;
  end if;
  with gone as (
    delete from teg.system_deltas d where (d.account, d.seq) in (
      select w.account, w.seq from teg.system_deltas w order by w.account, w.seq limit p_rows)
    returning d.account, d.amount
  )
  insert into teg.system_accounts as s (account, balance, credited)
  select g.account, sum(g.amount), coalesce(sum(g.amount) filter (where g.amount > 0), 0)
  from gone g group by g.account order by g.account
  on conflict (account) do update
  set balance = s.balance + excluded.balance, credited = s.credited + excluded.credited;
end $$;
