-- The second half of the gate's short way (plain.sql) for a batch that did not go as foreseen: what was written under its locks
-- is taken back in memory, the transfers are judged one after the other, and the accounts get what comes of it. Repeatable.
drop function if exists teg.transfer_in_turn;
create function teg.transfer_in_turn(
  p_base bigint,            -- the number of the first; none of the accounts has had a higher one
  p_at timestamptz,         -- no account has had a later time
  p_snapshot bigint, p_ppm integer,
  p_accounts uuid[],        -- ascending and distinct, locked
  p_gain bigint[], p_legs integer[],           -- what was foreseen of them
  p_from integer[], p_to integer[], p_amount bigint[], p_idem uuid[], p_hash bigint[], p_memo text[], p_reference text[],
  out o_fee bigint[], out o_balance bigint[],  -- by transfer: null for a refused one; the payer's balance after it
  out o_code text[], out o_detail text[],      -- null: none was refused
  out o_fees bigint, out o_done integer        -- the sum of the fees, and how many were not refused
)
language plpgsql
set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $$
#variable_conflict error
declare
  n constant integer := cardinality(p_from);
  amount_max constant bigint := 9007199254740991;
  int8_max constant bigint := 9223372036854775807;
  -- The accounts as they were, in the order of p_accounts.
  v_nos integer[]; v_balance bigint[]; v_held bigint[]; v_room bigint[]; v_seq bigint[]; v_out bigint[]; v_in bigint[];
  v_status smallint[];
  v_number bigint := p_base - 1;
  r_from_seq bigint[] := array_fill(null::bigint, array[n]); r_to_seq bigint[] := r_from_seq; r_to_balance bigint[] := r_from_seq;
  r_from_prev bigint[] := r_from_seq; r_to_prev bigint[] := r_from_seq;
  a integer; b integer; amount bigint; fee bigint; payer bigint; payee bigint; step bigint; verdict text[];
begin
  select array_agg(l.no), array_agg(l.balance), array_agg(l.held), array_agg(l.room), array_agg(l.seq), array_agg(l.last_out),
    array_agg(l.last_in), array_agg(l.status)
  into v_nos, v_balance, v_held, v_room, v_seq, v_out, v_in, v_status
  from (select acc.no, case when acc.prior_out < 0 then acc.balance else acc.balance - u.gain end as balance, acc.held,
      int8_max - acc.staked - acc.unbonding as room, acc.seq - u.legs as seq,
      case when acc.prior_out < 0 then -1 - acc.prior_out else acc.prior_out end as last_out,
      case when acc.prior_in < 0 then -1 - acc.prior_in else acc.prior_in end as last_in, acc.status
    from unnest(p_accounts, p_gain, p_legs) with ordinality as u(id, gain, legs, place)
    join teg.accounts acc on acc.id = u.id order by u.place) l;
  o_fees := 0; o_done := n; o_fee := r_from_seq; o_balance := r_from_seq;

  for i in 1 .. n loop
    v_number := v_number + 1;
    a := p_from[i]; b := p_to[i]; amount := p_amount[i]; payer := v_balance[a]; payee := v_balance[b];
    if amount >= 100 and amount <= amount_max and amount <= payer - v_held[a] and a <> b and v_status[a] = 1 and v_status[b] = 1
        and payee <= v_room[b] - amount then
      fee := teg.fee_of(amount, p_ppm);
      payer := payer - amount; payee := payee + (amount - fee); o_fees := o_fees + fee;
      v_balance[a] := payer; v_balance[b] := payee; o_fee[i] := fee; o_balance[i] := payer; r_to_balance[i] := payee;
      step := v_seq[a] + 1; v_seq[a] := step; r_from_seq[i] := step;
      step := v_seq[b] + 1; v_seq[b] := step; r_to_seq[i] := step;
      r_from_prev[i] := v_out[a]; v_out[a] := v_number; r_to_prev[i] := v_in[b]; v_in[b] := v_number;
    else
      verdict := teg.judge_amount(amount);
      if verdict is null then verdict := teg.judge_parties(true, a = b, v_status[a], v_status[b]); end if;
      if verdict is null then
        verdict := case when amount > payer - v_held[a] then teg.judge_funds(payer - v_held[a], amount)
          else teg.payee_is_full() end;
      end if;
      if o_code is null then o_code := array_fill(null::text, array[n]); o_detail := o_code; end if;
      o_code[i] := verdict[1]; o_detail[i] := verdict[2]; o_done := o_done - 1;
    end if;
  end loop;

  insert into teg.moves (seq, idem, request_hash, amount, fee, from_seq, from_balance, to_seq, to_balance, created_at, from_no,
    to_no, fee_ppm, fee_snapshot, kind, from_held, memo, reference, code, detail, from_prev, to_prev)
  select p_base - 1 + c.i, p_idem[c.i], p_hash[c.i], p_amount[c.i], coalesce(o_fee[c.i], 0), r_from_seq[c.i], o_balance[c.i],
    r_to_seq[c.i], r_to_balance[c.i], p_at, v_nos[p_from[c.i]], v_nos[p_to[c.i]],
    case when r_to_seq[c.i] is null then 0 else p_ppm end, case when r_to_seq[c.i] is not null then p_snapshot end, 'transfer',
    case when r_to_seq[c.i] is not null then nullif(v_held[p_from[c.i]], 0) end, p_memo[c.i], p_reference[c.i], o_code[c.i],
    o_detail[c.i], r_from_prev[c.i], r_to_prev[c.i]
  from generate_series(1, n) as c(i);
  update teg.accounts acc
  set balance = u.balance, seq = u.seq, last_out = u.last_out, last_in = u.last_in, last_batch = p_base,
    last_at = p_at
  from unnest(p_accounts, v_balance, v_seq, v_out, v_in) as u(id, balance, seq, last_out, last_in)
  where acc.id = u.id and (acc.balance, acc.seq, acc.last_out, acc.last_in, acc.last_batch, acc.last_at)
    is distinct from (u.balance, u.seq, u.last_out, u.last_in, p_base, p_at);
end $$;
