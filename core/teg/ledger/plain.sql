-- The gate's short way: batches of nothing but plain transfers between agents named by id, without quote, limits, links and
-- repeated keys. It judges and writes as teg.apply_commands does (a property test compares them) and asks nothing that such
-- a batch does not need. The caller foresees that every transfer is done and what the accounts gain by it; each account is
-- locked, judged and changed by one update. Only where something did not hold, in-turn.sql takes it back and judges one
-- transfer after the other. A known key fails the batch on moves_idem, holds that are due with NF002; an account that is not
-- there gives null in o_base. Nothing has happened in these cases, and the caller takes the long way. Repeatable.
drop function if exists teg.apply_transfers;
create function teg.apply_transfers(
  p_now timestamptz,        -- null: the database's clock
  p_by_time boolean,        -- the kind of digests in p_idem (digest-key.ts): NF001 when it is not this ledger's
  p_snapshot bigint, p_ppm integer,  -- the fee snapshot and its rate that were foreseen; null: nothing was, and what tells of
                            -- it is empty or 0
  p_accounts uuid[],        -- payers and payees, ascending and distinct
  -- By account: what it gains in all, what it must have available before, its legs, and which transfer is the last that it
  -- pays and that it is paid (from 0; none: far below 0).
  p_gain bigint[], p_need bigint[], p_legs integer[], p_last_out bigint[], p_last_in bigint[],
  p_from integer[], p_to integer[],  -- by transfer: places of its accounts
  p_amount bigint[], p_fee bigint[], p_idem uuid[], p_hash bigint[],
  p_memo text[], p_reference text[], -- empty: none has one
  -- By leg: what its account gains by later ones and how many these are; the transfer before it in its chain (0: none here).
  p_from_later bigint[], p_to_later bigint[], p_from_after integer[], p_to_after integer[], p_from_prev integer[],
  p_to_prev integer[],
  p_unnamed integer[],      -- places of accounts whose did the caller does not know
  out o_base bigint,        -- the number of the first
  out o_at timestamptz, out o_snapshot bigint, out o_ppm integer,
  out o_held bigint[],      -- by account: its holds, which no transfer changes; null: none has any
  out o_after bigint[],     -- by account: its balance after the batch; null: what follows tells of each transfer instead
  out o_fee bigint[], out o_balance bigint[],  -- by transfer: null for a refused one; the payer's balance after it
  out o_code text[], out o_detail text[],      -- null: none was refused
  out o_dids text[]                            -- of p_unnamed
)
language plpgsql
-- The accounts must be taken one after the other, in their order, by their key: other plans are out.
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set enable_hashjoin = off set enable_mergejoin = off
set enable_material = off set enable_memoize = off
set plan_cache_mode = force_generic_plan set jit = off
as $gate$
#variable_conflict error
declare
  n constant integer := cardinality(p_from);
  -- No batch of which something is foreseen moves more than 2^53: below it every account has room.
  room constant bigint := 9223372036854775807 - 9007199254740992;
  v_ids uuid[]; v_nos integer[]; v_seq bigint[]; v_out bigint[]; v_in bigint[]; v_holds boolean; v_by_time boolean;
  v_fees bigint; v_done integer := n;
begin
  -- Accounts and their dids stay for ever: one whose did is known is there.
  if cardinality(p_unnamed) > 0 then
    select array_agg(acc.did order by u.i) into o_dids
    from unnest(p_unnamed) with ordinality as u(place, i) left join teg.accounts acc on acc.id = p_accounts[u.place];
    if array_position(o_dids, null) > 0 then
      return;
    end if;
  end if;
  -- Number and time are drawn before the locks: an account that has had a higher one since makes the batch draw another, one
  -- that has had a later time makes it take that.
  o_base := nextval('teg.ledger_seq'); o_at := coalesce(p_now, clock_timestamp());
  with changed as (
    update teg.accounts acc set
      balance = case when acc.status = 1 and acc.balance - acc.held >= p_need[u.i]
          and acc.balance <= room - acc.staked - acc.unbonding then acc.balance + p_gain[u.i] else acc.balance end,
      prior_out = case when acc.status = 1 and acc.balance - acc.held >= p_need[u.i]
          and acc.balance <= room - acc.staked - acc.unbonding then acc.last_out else -1 - acc.last_out end,
      prior_in = case when greatest(acc.last_batch, acc.last_out, acc.last_in) < o_base and acc.last_at <= o_at then acc.last_in
        else -1 - acc.last_in end,
      last_out = greatest(acc.last_out, o_base + p_last_out[u.i]), last_in = greatest(acc.last_in, o_base + p_last_in[u.i]),
      seq = acc.seq + p_legs[u.i], last_batch = o_base, last_at = greatest(acc.last_at, o_at)
    from unnest(p_accounts) with ordinality as u(id, i)
    where acc.id = u.id and u.i = u.i + 0  -- always; so the planner expects one row of it, and begins there
    returning acc.id, acc.no, acc.balance, acc.held, acc.seq, acc.prior_out, acc.prior_in, p_gain[u.i] as gain
  )
  select array_agg(l.id), array_agg(l.no), array_agg(l.balance), array_agg(l.seq), array_agg(l.prior_out), array_agg(l.prior_in),
    coalesce(max(l.held), 0) > 0, -sum(l.gain)
  into v_ids, v_nos, o_after, v_seq, v_out, v_in, v_holds, v_fees from changed l;
  -- All are there, and they were locked in ascending id order: else two batches could wait for each other.
  if v_ids is distinct from p_accounts then
    raise exception 'teg.accounts: not all were taken, or not in their order' using errcode = 'NF002';
  end if;
  -- What all have lost are the fees of the transfers, of which there are some: no caller makes AVT by what it foresees.
  if n = 0 or v_fees is distinct from (select coalesce(sum(u.fee), 0) from unnest(p_fee) as u(fee)) or 0 > any (p_fee) then
    raise exception 'teg.accounts: what was foreseen is not what the transfers give' using errcode = 'insufficient_privilege';
  end if;
  if 0 > any (v_in) then
    o_base := nextval('teg.ledger_seq');
    select max(acc.last_at) into o_at from teg.accounts acc where acc.id = any (p_accounts);
  end if;
  if v_holds then
    perform from unnest(p_from) as u(place) join teg.open_tokens k on k.payer = p_accounts[u.place] where k.expires_at <= o_at limit 1;
    if found then raise exception 'teg.open_tokens: some are due' using errcode = 'NF002'; end if;
    select array_agg(l.held) into o_held
    from (select acc.held from teg.accounts acc where acc.id = any (p_accounts) order by acc.id) l;
  end if;
  select s.id, s.effective_ppm, (select m.keys_by_time from teg.meta m) into o_snapshot, o_ppm, v_by_time
  from teg.fee_snapshots s order by s.settings_version desc limit 1;
  if v_by_time <> p_by_time then raise exception 'teg.meta: keys have other digests here' using errcode = 'NF001'; end if;

  if o_snapshot = p_snapshot and o_ppm = p_ppm and not 0 > any (v_out) and not 0 > any (v_in) then
    insert into teg.moves (seq, idem, request_hash, amount, fee, from_seq, from_balance, to_seq, to_balance, created_at, from_no,
      to_no, fee_ppm, fee_snapshot, kind, from_held, memo, reference, from_prev, to_prev)
    select o_base - 1 + c.i, p_idem[c.i], p_hash[c.i], p_amount[c.i], p_fee[c.i], v_seq[c.a] - p_from_after[c.i],
      o_after[c.a] - p_from_later[c.i], v_seq[c.b] - p_to_after[c.i], o_after[c.b] - p_to_later[c.i], o_at, v_nos[c.a],
      v_nos[c.b], o_ppm, o_snapshot, 'transfer', nullif(o_held[c.a], 0), p_memo[c.i], p_reference[c.i],
      case when p_from_prev[c.i] > 0 then o_base - 1 + p_from_prev[c.i] else v_out[c.a] end,
      case when p_to_prev[c.i] > 0 then o_base - 1 + p_to_prev[c.i] else v_in[c.b] end
    from unnest(p_from, p_to) with ordinality as c(a, b, i);
  else
    o_after := null;
    select j.o_fee, j.o_balance, j.o_code, j.o_detail, j.o_fees, j.o_done
    into o_fee, o_balance, o_code, o_detail, v_fees, v_done
    from teg.transfer_in_turn(o_base, o_at, o_snapshot, o_ppm, p_accounts, p_gain, p_legs, p_from, p_to, p_amount, p_idem, p_hash,
      p_memo, p_reference) j;
  end if;
  if v_done = 0 then
    return;
  end if;
  -- The treasury gets what the accounts have lost, whatever was foreseen of fees: no AVT comes or goes.
  with fees as (
    insert into teg.system_deltas (seq, account, amount, created_at) values (o_base, 'treasury', v_fees, o_at)
  )
  insert into teg.outbox (base, events) values (o_base, v_done);
  if o_base % 1280000 = 0 then
    perform teg.fold_deltas(2000);
  end if;
end $gate$;
