-- Functions of reads. Repeatable: re-applied when its text changes.
-- The number of an account's last leg at a moment and before a ledger number: a binary search, since legs are dense.
create or replace function teg.last_leg(p_account uuid, p_at timestamptz, p_inclusive boolean, p_seq bigint)
returns bigint language plpgsql stable set enable_seqscan = off as $$
declare
  v_low bigint := 0;
  v_high bigint;
  v_no integer;
  v_middle bigint;
  v_at timestamptz;
  v_seq bigint;
begin
  select a.no, a.seq into v_no, v_high from teg.accounts a where a.id = p_account;
  v_high := coalesce(v_high, 0);
  if p_at is null and p_seq is null then
    return v_high;
  end if;
  while v_low < v_high loop
    v_middle := (v_low + v_high + 1) / 2;
    select l.created_at, l.seq into v_at, v_seq from (
      select o.created_at, o.seq from teg.moves o where o.from_no = v_no and o.from_seq = v_middle
      union all
      select i.created_at, i.seq from teg.moves i where i.to_no = v_no and i.to_seq = v_middle
    ) l;
    if (p_at is null or v_at < p_at or (p_inclusive and v_at = p_at)) and (p_seq is null or v_seq < p_seq) then
      v_low := v_middle;
    else
      v_high := v_middle - 1;
    end if;
  end loop;
  return v_low;
end $$;

-- Gives committed batches their events' numbers. One numberer at a time; each statement sees the commits before it.
create or replace function teg.number_outbox(p_batches integer) returns void language plpgsql as $$
begin
  if not exists (select from teg.outbox) then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtext('teg.number_outbox'));
  with taken as (
    delete from teg.outbox o where o.base in (select w.base from teg.outbox w order by w.base limit p_batches)
    returning o.base, o.events
  ), counted as (
    select t.base, t.events, sum(t.events) over (order by t.base) as so_far from taken t
  )
  insert into teg.outbox_numbered (number_last, number_first, base)
  select n.last + c.so_far, n.last + c.so_far - c.events + 1, c.base
  from counted c, (select coalesce(max(b.number_last), 0) as last from teg.outbox_numbered b) n;
end $$;
