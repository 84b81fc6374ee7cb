-- THE GATE: the only statement that moves or creates AVT. N commands in, N outcomes out, in order. Repeatable.
-- judge.sql holds what it asks about one command, read-batch.sql and write-batch.sql its first and last steps, steps.sql,
-- tokens.sql, fences.sql and minting.sql what it does only when a batch needs it. Every other writer of teg.accounts must
-- lock accounts first, in ascending id order, as step 2 does; then come epochs, budget, fold, spending, in this order.
drop function if exists teg.apply_commands;
create function teg.apply_commands(
  p_now timestamptz,        -- null: the database's clock, read after the locks; an account's time never goes back
  p_by_time boolean,        -- the kind of digests in p_idem (digest-key.ts): NF001 when it is not this ledger's
  p_minting boolean,        -- whether this TEG's configuration gives it minting authority
  p_accounts uuid[], p_dids text[],  -- accounts named by id, ascending, and by did; distinct, as all these lists are
  p_keys uuid[],            -- keys of agents that spend
  p_tasks text[],           -- tasks that send commands under a fence, ascending
  p_op smallint[],          -- 1 open_account, 2 set_status, 3 transfer, 4 refund, 5 grant, 6 issue, 7 redeem, 8 cancel,
                            -- 9 expire a token, 10 mint, 11 burn
  p_idem uuid[], p_hash bigint[], p_key text[],  -- digest of scope and key, digest of the request, key
  p_twin integer[],         -- first command of this batch with the same idem; 0: this one is the first
  p_linked boolean[],       -- linked to the next command; empty: none is
  p_from integer[], p_to integer[],  -- places of the acting account and the payee in p_accounts || p_dids; null: none
  p_amount bigint[], p_memo text[], p_reference text[],
  p_extra text[]            -- JSON of what only some commands have; null: nothing
) returns table (
  o_state smallint,         -- 0 moved or held, 1 refused, 2 refused and not kept, 3 replay, 4 twin, 5 done, 6 was done before
  o_code text, o_detail text,
  o_prior bigint,           -- state 0: its number; 3: number of the first outcome; 4: its place in this batch
  o_from uuid, o_from_did text, o_to uuid, o_to_did text,
  o_amount bigint, o_fee bigint, o_ppm integer, o_available bigint, o_refund_of uuid, o_at timestamptz
)
language plpgsql
set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $gate$
#variable_conflict error
declare
  n constant integer := cardinality(p_op);
  int8_max constant bigint := 9223372036854775807;
  v_now timestamptz; v_day date; v_refs uuid[] := p_accounts; v_found_at integer := 0; v_made uuid[] := '{}';
  -- The locked accounts, by slot.
  v_ids uuid[]; v_nos integer[]; v_dids text[]; v_owners uuid[]; v_balance bigint[]; v_held bigint[]; v_staked bigint[];
  v_seq bigint[]; v_seq_old bigint[]; v_out bigint[]; v_in bigint[]; v_status smallint[]; v_status_seq bigint[]; v_known boolean[]; v_dirty boolean[];
  v_slot integer[];
  -- What a refund pays back, and the token that a command names, by command.
  v_orig uuid[]; v_orig_kind text[]; v_orig_left bigint[]; v_orig_first integer[];
  v_tokens teg.tokens[]; v_token teg.tokens; v_token_state smallint[];
  -- Tokens that this batch ends, and how; those that it voids because their payers need the funds.
  v_ended uuid[] := '{}'; v_ended_as smallint[] := '{}'; v_void uuid[] := '{}'; v_swept boolean[]; w uuid[];
  v_prior bigint[]; v_prior_hash bigint[]; v_alias integer[];
  v_freed bigint; v_spent bigint[]; v_granted bigint; v_ppm_now integer; v_snap_now bigint; v_snap bigint; v_snap_ppm integer; v_by_time boolean;
  v_stale boolean[]; v_minting boolean; v_treasury numeric; v_linked constant boolean := cardinality(p_linked) > 0;
  g_start integer; g_end integer := 0; g_failed boolean := false; g_spent bigint[];
  -- Outcomes, by command.
  r_state smallint[] := array_fill(null::smallint, array[n]); r_code text[] := array_fill(null::text, array[n]);
  r_detail text[] := r_code; r_prior bigint[] := array_fill(null::bigint, array[n]); r_kind text[] := r_code;
  r_from uuid[] := array_fill(null::uuid, array[n]); r_to uuid[] := r_from; r_refund uuid[] := r_from;
  r_from_slot integer[] := array_fill(null::integer, array[n]); r_to_slot integer[] := r_from_slot;
  r_amount bigint[] := r_prior; r_fee bigint[] := r_prior; r_ppm integer[] := r_from_slot; r_snap bigint[] := r_prior;
  r_from_seq bigint[] := r_prior; r_from_balance bigint[] := r_prior; r_from_held bigint[] := r_prior; r_left bigint[] := r_prior;
  r_to_seq bigint[] := r_prior; r_to_balance bigint[] := r_prior; r_from_prev bigint[] := r_prior; r_to_prev bigint[] := r_prior;
  s_at integer[] := '{}'; s_account uuid[] := '{}'; s_sequence bigint[] := '{}'; s_status smallint[] := '{}';
  s_moved boolean[] := '{}'; v_rows integer := 0; v_steps integer := 0; v_events integer := 0; v_holds boolean := false;
  v_fees bigint := 0; v_issued bigint := 0; v_base bigint; v_void_base bigint;
  op smallint; a integer; b integer; j integer; k integer; f integer; x json; q json; kind text; stale boolean;
  amount bigint; fee bigint; ppm integer; snap bigint; keep boolean; want smallint; step bigint; verdict text[];
begin
  -- 1. Accounts that this batch opens are inserted first, so that they can be locked; they count from their command on.
  if 1 = any (p_op) then v_made := teg.open_accounts(p_now, p_accounts, p_op, p_from, p_extra); end if;
  if cardinality(p_dids) > 0 then v_refs := v_refs || teg.find_dids(p_dids); end if;
  if p_op && array[4, 7, 8, 9]::smallint[] then
    v_found_at := cardinality(v_refs);
    select g.originals, g.tokens, v_refs || g.payers into v_orig, v_tokens, v_refs from teg.find_named(p_op, p_extra) g;
  end if;

  -- 2. Every account that this batch can change is locked, in ascending id order: no deadlock, no lost update.
  select array_agg(l.id), array_agg(l.no), array_agg(l.did), array_agg(l.owner), array_agg(l.balance), array_agg(l.held),
    array_agg(l.staked + l.unbonding), array_agg(l.seq), array_agg(l.last_out), array_agg(l.last_in), array_agg(l.status),
    array_agg(l.status_sequence), array_agg(not (l.id = any (v_made))), array_agg(false), max(l.last_at)
  into v_ids, v_nos, v_dids, v_owners, v_balance, v_held, v_staked, v_seq, v_out, v_in, v_status, v_status_seq, v_known, v_dirty, v_now
  from (select * from teg.accounts acc where acc.id = any (v_refs) order by acc.id for no key update) l;
  select array_agg(s.slot::integer order by r.place) into v_slot
  from unnest(v_refs) with ordinality as r(id, place) left join unnest(v_ids) with ordinality as s(id, slot) on s.id = r.id;
  if cardinality(p_tasks) > 0 then v_stale := teg.pass_fences(p_tasks, p_extra); end if;
  v_now := greatest(coalesce(p_now, clock_timestamp()), v_now);
  v_day := (v_now at time zone 'UTC')::date;
  -- Under the locks: so the numbers of an account's legs rise. Holds are voided before what needs their funds.
  if 0 < any (v_held) then v_void_base := nextval('teg.ledger_seq'); end if;
  v_seq_old := v_seq; v_base := nextval('teg.ledger_seq');

  -- 3. New statements, hence new snapshots: what was committed while this batch waited for its locks is seen.
  select array_agg(f.seq order by c.place), array_agg(f.request_hash order by c.place) into v_prior, v_prior_hash
  from unnest(p_idem) with ordinality as c(idem, place)
  left join lateral (select m.seq, m.request_hash from teg.moves m where m.idem = c.idem limit 1) f on true;
  v_alias := array_fill(0, array[n]);
  select s.id, s.effective_ppm, (select m.keys_by_time from teg.meta m) into v_snap_now, v_ppm_now, v_by_time
  from teg.fee_snapshots s order by s.settings_version desc limit 1;
  if v_by_time <> p_by_time then raise exception 'teg.meta: keys have other digests here' using errcode = 'NF001'; end if;
  if p_op && array[4, 5, 7, 8, 9, 10, 11]::smallint[] then
    select g.kinds, g.lefts, g.firsts, g.states, g.granted, g.minting, g.treasury
    into v_orig_kind, v_orig_left, v_orig_first, v_token_state, v_granted, v_minting, v_treasury
    from teg.read_found(p_op, p_accounts, p_from, v_orig, v_tokens, v_day, p_minting) g;
  end if;
  if cardinality(p_keys) > 0 then v_spent := teg.lock_spending(p_keys, v_day); end if;

  -- 4. In order over memory: each command sees what the earlier ones did, each is accepted or refused by itself.
  for i in 1 .. case when v_linked then n + 1 else n end loop
    if v_linked then
      -- A group in which one was refused is taken back, newest first; the rest of it is refused below.
      if g_end > 0 and not g_failed and (r_state[i - 1] in (1, 2) or (r_state[i - 1] = 3 and teg.was_refused(r_prior[i - 1]))
          or (r_state[i - 1] = 4 and r_state[r_prior[i - 1]::integer] = 1)) then
        g_failed := true; v_spent := g_spent; verdict := teg.linked_failed();
        for m in reverse i - 2 .. g_start loop
          continue when r_state[m] <> 0;
          a := r_from_slot[m]; b := r_to_slot[m]; v_seq[a] := v_seq[a] - 1; v_seq[b] := v_seq[b] - 1;
          v_out[a] := r_from_prev[m]; v_in[b] := r_to_prev[m]; r_from_prev[m] := null; r_to_prev[m] := null;
          v_balance[a] := v_balance[a] + r_amount[m]; v_balance[b] := v_balance[b] - (r_amount[m] - r_fee[m]);
          v_fees := v_fees - r_fee[m]; v_events := v_events - 1; r_fee[m] := 0; r_ppm[m] := 0; r_snap[m] := null;
          r_state[m] := 1; r_code[m] := verdict[1]; r_detail[m] := verdict[2]; r_from_seq[m] := null; r_to_seq[m] := null;
          r_from_balance[m] := null; r_from_held[m] := null; r_to_balance[m] := null;
        end loop;
      end if;
      if i > g_end then g_end := 0; g_failed := false; end if;
      exit when i > n;
      if g_end = 0 and p_linked[i] then
        g_start := i; g_end := i; g_spent := v_spent;
        while p_linked[g_end] and p_op[g_end + 1] = 3 loop g_end := g_end + 1; end loop;
        g_failed := p_linked[g_end];  -- its last one is linked to no transfer
      end if;
    end if;
    op := p_op[i]; a := v_slot[p_from[i]]; b := v_slot[p_to[i]]; x := p_extra[i]::json; k := 0; verdict := null;
    kind := null; keep := op in (3, 4, 6, 7, 10, 11); fee := 0; ppm := 0; snap := null; amount := p_amount[i];
    stale := v_stale[i]; f := case when p_twin[i] = 0 then i else p_twin[i] end; j := v_alias[f];
    -- Before a payer's funds are judged, its holds that are due are voided.
    if v_held[a] > 0 and op in (2, 3, 4, 6, 11) and v_swept[a] is not true then
      select e.tokens, e.freed into w, v_freed
      from teg.find_expired(v_ids[a], v_now, v_ended, 5000 - cardinality(v_void), amount - v_balance[a] + v_held[a]) e;
      v_swept[a] := cardinality(w) < least(100, 5000 - cardinality(v_void));
      if v_freed > 0 then
        v_held[a] := v_held[a] - v_freed; v_dirty[a] := true; v_holds := true; v_void := v_void || w;
        v_ended := v_ended || w; v_ended_as := v_ended_as || array_fill(4::smallint, array[cardinality(w)]);
      end if;
    end if;

    if op = 1 then
      if a is not null and v_dids[a] = x ->> 'did' and v_owners[a] = (x ->> 'owner')::uuid then
        r_state[i] := case when v_known[a] then 6 else 5 end; v_known[a] := true;
        continue;
      end if;
      verdict := array['idempotency_key_reused', 'The account or its did is already there with another did or owner.'];

    elsif (a is null or not v_known[a]) and (op < 10 or p_from[i] is not null) then
      keep := false; verdict := array['agent_not_found', 'The TEG has no account of the acting agent.'];

    -- A known key gets its first answer, whatever has changed since.
    elsif op not in (2, 8, 9) and (v_prior[i] is not null or j > 0) then
      if coalesce(v_prior_hash[i], p_hash[j]) = p_hash[i] then
        r_state[i] := case when v_prior[i] is null then 4 else 3 end; r_prior[i] := coalesce(v_prior[i], j);
        continue;
      end if;
      keep := false;
      verdict := case when op = 5 then array['already_granted', 'This developer had the genesis grant for another agent.']
        else array['idempotency_key_reused', 'The key was used with another request; its first outcome stands.'] end;

    elsif op in (3, 4, 6) then
      if op = 4 then
        kind := 'refund'; b := v_slot[v_found_at + i]; f := v_orig_first[i]; amount := coalesce(amount, v_orig_left[f]);
        verdict := teg.judge_refund(v_orig_kind[i], amount, v_orig_left[f]);
      else
        kind := case op when 3 then 'transfer' else 'hold' end;
        verdict := case when g_failed then teg.linked_failed() else teg.judge_amount(amount) end;
      end if;
      if verdict is null then
        verdict := teg.judge_parties(coalesce(v_known[b], false), a = b, v_status[a], v_status[b]);
      end if;
      if verdict is null and op = 3 then
        snap := v_snap_now; ppm := v_ppm_now; q := x -> 'quote';
        if q is not null then
          select s.id, s.effective_ppm into v_snap, v_snap_ppm from teg.fee_snapshots s
          where s.id = (q ->> 'fee_snapshot')::bigint;
          verdict := teg.judge_quote(q, v_snap is not null, coalesce(p_now, clock_timestamp())); snap := v_snap; ppm := v_snap_ppm;
        end if;
        fee := teg.fee_of(amount, ppm);
      end if;
      q := x -> 'limits';
      if verdict is null and q is not null then
        k := (q ->> 'slot')::integer; verdict := teg.judge_limits(q, amount, v_spent[k], v_ids[b], v_dids[b]);
      end if;
      if verdict is null and amount > v_balance[a] - v_held[a] then
        verdict := teg.judge_funds(v_balance[a] - v_held[a], amount);
      end if;

    elsif op = 2 then
      want := (x ->> 'status')::smallint; step := (x ->> 'sequence')::bigint;
      if step <= v_status_seq[a] then
        -- A closing that is asked for again shows the movement that it made, here or in an earlier batch.
        j := case when want = 3 and p_to[i] is not null then array_position(p_key, p_key[i]) end;
        r_prior[i] := case when j < i and p_op[j] = 2 and r_state[j] = 0 then j
          when j > 0 then teg.find_closing(v_ids[a], step) end;
        r_state[i] := case when r_prior[i] is null then 6 when r_prior[i] = j then 4 else 3 end;
        continue;
      end if;
      if stale then
        verdict := teg.stale_epoch();
      elsif want = 3 then
        verdict := teg.judge_closing(v_balance[a], v_held[a] + v_staked[a], v_status[a], p_to[i] is not null, a = b,
          case when v_known[b] then v_status[b] end);
        if verdict is null and v_balance[a] > 0 then
          kind := 'transfer'; amount := v_balance[a];
        end if;
      end if;

    elsif op = 5 then
      kind := 'genesis_grant'; b := a; a := null;
      verdict := teg.judge_grant(stale, amount, v_status[b], v_granted, (x ->> 'budget')::bigint);

    elsif op in (7, 8, 9) then
      v_token := v_tokens[i]; want := coalesce(v_ended_as[array_position(v_ended, v_token.id)], v_token_state[i]);
      if op = 7 then
        kind := 'payment'; b := a; a := v_slot[v_found_at + i]; snap := v_snap_now; ppm := v_ppm_now;
        amount := coalesce(amount, v_token.amount); fee := teg.fee_of(amount, ppm);
        verdict := teg.judge_redeeming(v_token, want, v_ids[b], amount, v_now, v_status[a], v_status[b]);
      elsif v_token.payer = v_ids[a] and (want = op - 5 or (op = 9 and (want > 1 or v_token.expires_at > v_now))) then
        r_state[i] := 6; r_code[i] := case want when 1 then 'active' end; continue;  -- whatever comes later in the batch
      else
        verdict := case when stale then teg.stale_epoch() else teg.judge_ending(v_token, want, v_ids[a], op = 9, v_now) end;
      end if;

    else
      kind := case op when 10 then 'mint' else 'burn' end; keep := v_minting;
      verdict := teg.judge_supply(v_minting, kind, amount, v_status[a],
        case when op = 10 then null when p_from[i] is null then v_treasury + v_fees else v_balance[a] - v_held[a] end);
      b := case op when 10 then a end; a := case op when 11 then a end;
    end if;

    if verdict is null and kind is not null and v_balance[b] > int8_max - amount - v_staked[b] then
      verdict := teg.payee_is_full();
    end if;
    if verdict is not null then
      r_state[i] := case when keep then 1 else 2 end; r_code[i] := verdict[1]; r_detail[i] := verdict[2];
      continue when not keep;
      r_kind[i] := kind; r_from_slot[i] := a; r_to_slot[i] := b; r_amount[i] := coalesce(amount, 0); r_fee[i] := 0;
      r_ppm[i] := 0; r_refund[i] := v_orig[i]; v_rows := v_rows + 1;
    elsif op = 6 then
      r_state[i] := 0; r_kind[i] := kind; r_code[i] := 'held'; r_amount[i] := amount; r_fee[i] := 0; r_ppm[i] := 0;
      r_from[i] := v_ids[a]; r_to[i] := v_ids[b]; r_from_slot[i] := a; r_to_slot[i] := b;
      v_held[a] := v_held[a] + amount; v_dirty[a] := true; v_holds := true; v_events := v_events + 1; v_rows := v_rows + 1;
    elsif op in (7, 8, 9) then
      v_held[a] := v_held[a] - v_token.amount; v_dirty[a] := true; v_holds := true; v_steps := v_steps + 1;
      v_ended := v_ended || v_token.id; v_ended_as := v_ended_as || (op - 5)::smallint; r_state[i] := 5;
      v_events := v_events + 1;
    end if;
    if verdict is null and kind is not null and op <> 6 then
      r_state[i] := 0; r_kind[i] := kind; r_amount[i] := amount; r_fee[i] := fee; r_ppm[i] := ppm; r_snap[i] := snap;
      if a is not null then
        v_balance[a] := v_balance[a] - amount; v_seq[a] := v_seq[a] + 1; v_dirty[a] := true;
        r_from[i] := v_ids[a]; r_from_slot[i] := a; r_from_seq[i] := v_seq[a]; r_from_balance[i] := v_balance[a];
        r_from_held[i] := nullif(v_held[a], 0); r_from_prev[i] := v_out[a]; v_out[a] := v_base + i - 1;
      elsif op = 5 then
        v_issued := v_issued + amount; v_granted := v_granted + amount;
      end if;
      if b is not null then
        v_balance[b] := v_balance[b] + (amount - fee); v_seq[b] := v_seq[b] + 1; v_dirty[b] := true;
        r_to[i] := v_ids[b]; r_to_slot[i] := b; r_to_seq[i] := v_seq[b]; r_to_balance[i] := v_balance[b];
        r_to_prev[i] := v_in[b]; v_in[b] := v_base + i - 1;
      end if;
      if op = 4 then r_refund[i] := v_orig[i]; v_orig_left[f] := v_orig_left[f] - amount; end if;
      if op > 9 and p_from[i] is null then v_treasury := v_treasury + amount * (21 - 2 * op); end if;  -- a mint adds, a burn takes
      v_fees := v_fees + fee; v_events := v_events + 1; v_rows := v_rows + 1;
    end if;
    if k > 0 and verdict is null then v_spent[k] := v_spent[k] + least(amount, int8_max - v_spent[k]); end if;
    f := v_slot[p_from[i]]; if verdict is null and op > 4 then r_left[i] := v_balance[f] - v_held[f]; end if;
    if op = 2 then
      v_status[a] := want; v_status_seq[a] := step; v_dirty[a] := true; r_state[i] := coalesce(r_state[i], 5);
      s_at := s_at || i; s_account := s_account || v_ids[a]; s_sequence := s_sequence || step;
      s_status := s_status || want; s_moved := s_moved || (kind is not null);
    else
      v_alias[case when p_twin[i] = 0 then i else p_twin[i] end] := i;
    end if;
  end loop;

  -- 5. One write of each kind.
  if cardinality(v_void) > 0 then perform teg.write_voids(v_void_base, v_void, v_now); end if;
  if v_rows > 0 then
    perform teg.write_transfers(v_base, v_now, p_op, r_state, p_idem, p_hash, v_nos, r_from_slot, r_to_slot, r_amount, r_fee,
      r_from_seq, r_from_balance, r_to_seq, r_to_balance, r_from_prev, r_to_prev, r_ppm, r_snap, r_from_held, r_refund, r_kind,
      p_key, p_memo, p_reference, r_code, r_detail, r_left);
  end if;
  perform teg.write_accounts(v_base, v_now, v_ids, v_balance, v_held, v_seq_old, v_seq, v_out, v_in, v_status, v_status_seq,
    v_dirty, v_holds);
  if v_steps > 0 or cardinality(s_at) > 0 or p_op && array[5, 6, 10, 11]::smallint[] then
    perform teg.write_steps(v_base, v_now, v_day, p_op, r_state, r_from, r_to, r_amount, p_extra, v_tokens, s_at,
      s_account, s_sequence, s_status, s_moved, r_left);
  end if;
  perform teg.write_sums(v_base, v_now, v_day, v_fees, v_issued, v_events, p_keys, v_spent);

  return query
  select c.state, c.code, c.detail, case c.state when 0 then v_base + c.place - 1 else c.prior end, c.payer,
    v_dids[c.from_slot], c.payee, v_dids[c.to_slot], c.amount, c.fee, c.ppm, coalesce(c.remaining, c.from_balance - coalesce(c.from_held, 0)),
    c.refund, v_now
  from unnest(r_state, r_code, r_detail, r_prior, r_from, r_from_slot, r_to, r_to_slot, r_amount, r_fee, r_ppm, r_from_balance,
    r_from_held, r_refund, r_left) with ordinality as c(state, code, detail, prior, payer, from_slot, payee, to_slot, amount, fee,
    ppm, from_balance, from_held, refund, remaining, place)
  order by c.place;
end $gate$;
