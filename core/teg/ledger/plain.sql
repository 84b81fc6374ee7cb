-- The gate's short way: batches of nothing but plain transfers between agents named by id, without quote, limits, links and
-- repeated keys. It judges and writes as teg.apply_commands does (a property test compares them) and asks nothing that such
-- a batch does not need. It does not look for known keys: one fails the batch on moves_idem, and the caller takes the long
-- way. Where more must be looked at, it gives null in o_base and has done nothing. Repeatable.
drop function if exists teg.apply_transfers;
create function teg.apply_transfers(
  p_now timestamptz,        -- null: the database's clock, read after the locks
  p_accounts uuid[],        -- payers and payees, ascending and distinct
  p_from integer[], p_to integer[],  -- their places
  p_amount bigint[], p_idem uuid[], p_hash bigint[],
  p_memo text[], p_reference text[],  -- empty: none has one
  p_unnamed integer[],      -- places of accounts whose did the caller does not know
  out o_base bigint,        -- the number of the first
  out o_at timestamptz, out o_ppm integer,
  out o_fee bigint[], out o_balance bigint[],  -- by transfer: null for a refused one; the payer's balance after it
  out o_held bigint[],                         -- the payer's holds at that moment; null: none has any
  out o_code text[], out o_detail text[],      -- null: none was refused
  out o_dids text[]                            -- of p_unnamed
)
language plpgsql
set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set plan_cache_mode = force_generic_plan set jit = off
as $gate$
#variable_conflict error
declare
  n constant integer := cardinality(p_from);
  amount_max constant bigint := 9007199254740991;
  int8_max constant bigint := 9223372036854775807;
  want_dids constant boolean := cardinality(p_unnamed) > 0;
  -- The locked accounts, in the order of p_accounts.
  v_at tid[]; v_nos integer[]; v_balance bigint[]; v_held bigint[]; v_room bigint[]; v_seq bigint[]; v_seq_old bigint[];
  v_out bigint[]; v_in bigint[]; v_status smallint[]; v_dids text[]; v_snap integer;
  v_due boolean; v_fees bigint := 0; v_refused integer := 0; v_changed bigint; v_number bigint;
  r_from_seq bigint[] := array_fill(null::bigint, array[n]); r_to_seq bigint[] := r_from_seq; r_to_balance bigint[] := r_from_seq;
  r_from_prev bigint[] := r_from_seq; r_to_prev bigint[] := r_from_seq;
  a integer; b integer; amount bigint; fee bigint; payer bigint; payee bigint; step bigint; verdict text[];
begin
  -- Every account is locked in ascending id order.
  select array_agg(l.at), array_agg(l.no), array_agg(l.balance), array_agg(l.held), array_agg(l.room), array_agg(l.seq),
    array_agg(l.last_out), array_agg(l.last_in), array_agg(l.status), array_agg(l.did)
  into v_at, v_nos, v_balance, v_held, v_room, v_seq, v_out, v_in, v_status, v_dids
  from (select acc.ctid as at, acc.no, acc.balance, acc.held, int8_max - acc.staked - acc.unbonding as room, acc.seq, acc.last_out,
      acc.last_in, acc.status, case when want_dids then acc.did end as did
    from teg.accounts acc where acc.id = any (p_accounts) order by acc.id for no key update) l;
  if cardinality(v_nos) is distinct from cardinality(p_accounts) then
    return;
  end if;
  o_at := coalesce(p_now, clock_timestamp());
  if 0 < any (v_held) then
    select exists (select from teg.open_tokens k where k.payer = any (p_accounts) and k.expires_at <= o_at) into v_due;
    if v_due then
      return;
    end if;
    o_held := r_from_seq;
  end if;
  select s.id, s.effective_ppm into v_snap, o_ppm from teg.fee_snapshots s order by s.settings_version desc limit 1;

  -- Under the locks: so the numbers of an account's legs rise.
  o_base := nextval('teg.ledger_seq'); v_number := o_base - 1;
  v_seq_old := v_seq; o_fee := r_from_seq; o_balance := r_from_seq;
  for i in 1 .. n loop
    v_number := v_number + 1;
    a := p_from[i]; b := p_to[i]; amount := p_amount[i]; payer := v_balance[a]; payee := v_balance[b];
    if amount >= 100 and amount <= amount_max and amount <= payer - v_held[a] and a <> b and v_status[a] = 1 and v_status[b] = 1
        and payee <= v_room[b] - amount then
      fee := greatest(1, (amount / 1000000) * o_ppm + ((amount % 1000000) * o_ppm + 999999) / 1000000);
      payer := payer - amount; payee := payee + (amount - fee); v_fees := v_fees + fee;
      v_balance[a] := payer; v_balance[b] := payee; o_fee[i] := fee; o_balance[i] := payer; r_to_balance[i] := payee;
      step := v_seq[a] + 1; v_seq[a] := step; r_from_seq[i] := step;
      step := v_seq[b] + 1; v_seq[b] := step; r_to_seq[i] := step;
      r_from_prev[i] := v_out[a]; v_out[a] := v_number; r_to_prev[i] := v_in[b]; v_in[b] := v_number;
      if v_held[a] > 0 then o_held[i] := v_held[a]; end if;
    else
      verdict := teg.judge_amount(amount);
      if verdict is null then verdict := teg.judge_parties(true, a = b, v_status[a], v_status[b]); end if;
      if verdict is null then
        verdict := case when amount > payer - v_held[a] then teg.judge_funds(payer - v_held[a], amount)
          else teg.payee_is_full() end;
      end if;
      if o_code is null then o_code := array_fill(null::text, array[n]); o_detail := o_code; end if;
      o_code[i] := verdict[1]; o_detail[i] := verdict[2]; v_refused := v_refused + 1;
    end if;
  end loop;

  insert into teg.moves (seq, idem, request_hash, amount, fee, from_seq, from_balance, to_seq, to_balance, created_at, from_no,
    to_no, fee_ppm, fee_snapshot, kind, from_held, memo, reference, code, detail, from_prev, to_prev)
  select o_base + c.i - 1, p_idem[c.i], p_hash[c.i], p_amount[c.i], coalesce(o_fee[c.i], 0), r_from_seq[c.i], o_balance[c.i],
    r_to_seq[c.i], r_to_balance[c.i], o_at, v_nos[p_from[c.i]], v_nos[p_to[c.i]],
    case when r_to_seq[c.i] is null then 0 else o_ppm end, case when r_to_seq[c.i] is not null then v_snap end, 'transfer',
    o_held[c.i], p_memo[c.i], p_reference[c.i], o_code[c.i], o_detail[c.i], r_from_prev[c.i], r_to_prev[c.i]
  from generate_series(1, n) as c(i);
  if want_dids then
    o_dids := (select array_agg(v_dids[u.place] order by u.i) from unnest(p_unnamed) with ordinality as u(place, i));
  end if;
  if v_refused = n then
    return;
  end if;
  update teg.accounts acc set balance = v_balance[u.i], seq = v_seq[u.i], last_out = v_out[u.i], last_in = v_in[u.i]
  from generate_series(1, cardinality(v_seq)) as u(i) where acc.ctid = v_at[u.i] and v_seq[u.i] > v_seq_old[u.i];
  get diagnostics v_changed = row_count;
  -- A row stays where it was locked; if ever one did not, nothing of this batch may stand.
  if v_changed <> cardinality(v_seq) then
    if v_changed <> (select count(*) from generate_series(1, cardinality(v_seq)) as u(i) where v_seq[u.i] > v_seq_old[u.i]) then
      raise exception 'teg.accounts: a locked row was not found again';
    end if;
  end if;
  with fees as (
    insert into teg.system_deltas (seq, account, amount, created_at) values (o_base, 'treasury', v_fees, o_at)
  )
  insert into teg.outbox (base, events) values (o_base, n - v_refused);
  if o_base % 1280000 = 0 then
    perform teg.fold_deltas(2000);
  end if;
end $gate$;
