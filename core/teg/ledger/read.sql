-- Functions of reads. Repeatable: re-applied when its text changes.
-- The legs of an account hang together in two chains: what it paid (from_prev, accounts.last_out) and what it was paid
-- (to_prev, last_in). One in sixteen stands in an index as well: a chain is entered there and followed to older legs. Along
-- a chain the times rise with the numbers. All of them read in the snapshot of the statement that calls them.

-- The first leg of a chain at or behind a number that stands in the index; null: none. The order by both columns of the
-- index leaves the planner no other way, so the row may be one of another account, and is none then.
create or replace function teg.indexed_leg(p_no integer, p_out boolean, p_seq bigint, out seq bigint, out at timestamptz)
language plpgsql stable set enable_seqscan = off set enable_sort = off as $$
declare
  v_no integer;
begin
  if p_out then
    select m.from_no, m.seq, m.created_at into v_no, seq, at from teg.moves m
    where (m.from_no, m.seq) >= (p_no, p_seq) and m.from_seq is not null and hashint8(m.seq) & 15 = 0
    order by m.from_no, m.seq limit 1;
  else
    select m.to_no, m.seq, m.created_at into v_no, seq, at from teg.moves m
    where (m.to_no, m.seq) >= (p_no, p_seq) and m.to_seq is not null and hashint8(m.seq) & 15 = 0
    order by m.to_no, m.seq limit 1;
  end if;
  if v_no is distinct from p_no then
    seq := null; at := null;
  end if;
end $$;

-- Legs of a chain from a number on and not below a floor, newest first; 0 and null: none. Without `p_all` only movements between two agents.
drop function if exists teg.walk_legs;
create function teg.walk_legs(p_no integer, p_out boolean, p_first bigint, p_since timestamptz, p_all boolean,
  p_limit integer, p_floor bigint)
returns setof teg.moves language plpgsql stable set enable_seqscan = off as $$
declare
  m teg.moves;
  v_seq bigint := p_first;
  v_left integer := p_limit;
begin
  while v_seq > 0 and v_seq >= p_floor and v_left > 0 loop
    select t.* into m from teg.moves t where t.seq = v_seq;
    if p_no is distinct from (case when p_out then m.from_no else m.to_no end) then
      raise exception 'teg.moves: % is no leg of account %', v_seq, p_no using errcode = 'data_corrupted';
    end if;
    exit when m.created_at < p_since;
    v_seq := case when p_out then m.from_prev else m.to_prev end;
    continue when not p_all and (m.from_no is null or m.to_no is null);
    v_left := v_left - 1;
    return next m;
  end loop;
end $$;

-- The number of a chain's newest leg before a number (null: of its newest) that is no later than a moment; 0: none.
create or replace function teg.find_leg(p_no integer, p_out boolean, p_before bigint, p_at timestamptz)
returns bigint language plpgsql stable set enable_seqscan = off as $$
declare
  v_end bigint;  -- an indexed leg that is known to be too new
  v_low bigint := 0;
  v_last constant bigint := (select case when p_out then a.last_out else a.last_in end from teg.accounts a where a.no = p_no);
  v_high bigint;
  v_middle bigint;
  l record;
begin
  if p_before <= v_last then
    v_end := (select i.seq from teg.indexed_leg(p_no, p_out, p_before) i);
  end if;
  -- The numbers are halved until the first indexed leg behind the moment is known.
  v_high := coalesce(v_end, v_last) + 1;
  while p_at is not null and v_low < v_high loop
    v_middle := v_low + (v_high - v_low) / 2;
    select i.seq, i.at into l from teg.indexed_leg(p_no, p_out, v_middle) i;
    if l.seq < v_high and l.at <= p_at then
      v_low := l.seq + 1;
    else
      v_end := case when l.seq < v_high then l.seq else v_end end;
      v_high := v_middle;
    end if;
  end loop;
  v_end := coalesce(v_end, v_last);
  while v_end > 0 loop
    select m.created_at as at, case when p_out then m.from_prev else m.to_prev end as prev,
      case when p_out then m.from_no else m.to_no end as no into l
    from teg.moves m where m.seq = v_end;
    if l.no is distinct from p_no then
      raise exception 'teg.moves: % is no leg of account %', v_end, p_no using errcode = 'data_corrupted';
    end if;
    exit when (p_before is null or v_end < p_before) and (p_at is null or l.at <= p_at);
    v_end := l.prev;
  end loop;
  return coalesce(v_end, 0);
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
