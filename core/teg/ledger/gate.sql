-- THE GATE: the only statement that moves or creates AVT. N commands in, N outcomes out, in order. Repeatable.
-- judge.sql holds what it asks about one command, steps.sql what it does only when a batch needs it.
-- Every other writer of teg.accounts must lock accounts first, in ascending id order, as step 2 does.
drop function if exists teg.apply_commands;
create function teg.apply_commands(
  p_now timestamptz,        -- null: the database's clock, read after the locks
  p_accounts uuid[],        -- accounts named by id, distinct, ascending
  p_dids text[],            -- accounts named by did, distinct
  p_keys uuid[],            -- keys of agents that spend, distinct
  p_op smallint[],          -- 1 open_account, 2 set_status, 3 transfer, 4 refund, 5 grant
  p_id uuid[],              -- id of the movement or refusal to come
  p_idem uuid[],            -- digest of scope and key
  p_hash uuid[],            -- digest of the request
  p_key text[],
  p_twin integer[],         -- first command of this batch with the same idem; 0: this one is the first
  p_from integer[],         -- place of the acting account in p_accounts || p_dids
  p_to integer[],           -- place of the payee; null: none named
  p_amount bigint[],
  p_memo text[],
  p_reference text[],
  p_extra text[]            -- JSON of what only some commands have; null: nothing
) returns table (
  o_state smallint,         -- 0 moved, 1 refused, 2 refused and not kept, 3 replay, 4 twin, 5 done, 6 was done before
  o_code text, o_detail text,
  o_prior bigint,           -- state 3: number of the first outcome; state 4: its place in this batch
  o_from uuid, o_from_did text, o_to uuid, o_to_did text,
  o_amount bigint, o_fee bigint, o_ppm integer, o_available bigint, o_refund_of uuid, o_at timestamptz
)
language plpgsql
set enable_seqscan = off set plan_cache_mode = force_generic_plan set jit = off
as $gate$
#variable_conflict error
declare
  n constant integer := cardinality(p_op);
  amount_max constant bigint := 9007199254740991;
  int8_max constant bigint := 9223372036854775807;
  v_now timestamptz; v_day date;
  v_refs uuid[] := p_accounts; v_payers_at integer := 0;
  -- The locked accounts, by slot.
  v_ids uuid[]; v_dids text[]; v_owners uuid[]; v_balance bigint[]; v_held bigint[]; v_staked bigint[];
  v_seq bigint[]; v_status smallint[]; v_status_seq bigint[]; v_known boolean[]; v_dirty boolean[]; v_slot integer[];
  v_made uuid[] := '{}';
  -- What a refund pays back, by command.
  v_orig uuid[]; v_orig_kind text[]; v_orig_left bigint[]; v_orig_first integer[];
  v_prior bigint[]; v_prior_hash uuid[]; v_alias integer[];
  v_spent bigint[]; v_granted bigint; v_ppm_now integer; v_snap_now bigint; v_snap bigint; v_snap_ppm integer;
  -- Outcomes, by command.
  r_state smallint[] := array_fill(null::smallint, array[n]); r_code text[] := array_fill(null::text, array[n]);
  r_detail text[] := r_code; r_prior bigint[] := array_fill(null::bigint, array[n]); r_kind text[] := r_code;
  r_from uuid[] := array_fill(null::uuid, array[n]); r_to uuid[] := r_from; r_refund uuid[] := r_from;
  r_from_slot integer[] := array_fill(null::integer, array[n]); r_to_slot integer[] := r_from_slot;
  r_amount bigint[] := r_prior; r_fee bigint[] := r_prior; r_ppm integer[] := r_from_slot; r_snap bigint[] := r_prior;
  r_from_seq bigint[] := r_prior; r_from_balance bigint[] := r_prior; r_from_held bigint[] := r_prior;
  r_to_seq bigint[] := r_prior; r_to_balance bigint[] := r_prior;
  s_at integer[] := '{}'; s_account uuid[] := '{}'; s_sequence bigint[] := '{}'; s_status smallint[] := '{}';
  s_transfer uuid[] := '{}';
  v_rows integer := 0; v_events integer := 0; v_fees bigint := 0; v_issued bigint := 0; v_base bigint;
  op smallint; a integer; b integer; j integer; k integer; f integer; x json; q json; kind text;
  amount bigint; fee bigint; ppm integer; snap bigint; keep boolean; want smallint; step bigint; verdict text[];
begin
  -- 1. Accounts that this batch opens are inserted first, so that they can be locked; they count from their command on.
  if 1 = any (p_op) then
    v_made := teg.open_accounts(p_now, p_accounts, p_op, p_from, p_extra);
  end if;
  if cardinality(p_dids) > 0 then
    v_refs := v_refs || teg.find_dids(p_dids);
  end if;
  if 4 = any (p_op) then
    v_payers_at := cardinality(v_refs);
    v_orig := teg.find_originals(p_op, p_extra);
    v_refs := v_refs || teg.find_payers(v_orig);
  end if;

  -- 2. Every account that this batch can change is locked, in ascending id order: no deadlock, no lost update.
  select array_agg(l.id), array_agg(l.did), array_agg(l.owner), array_agg(l.balance), array_agg(l.held),
    array_agg(l.staked + l.unbonding), array_agg(l.seq), array_agg(l.status), array_agg(l.status_sequence),
    array_agg(not (l.id = any (v_made))), array_agg(false)
  into v_ids, v_dids, v_owners, v_balance, v_held, v_staked, v_seq, v_status, v_status_seq, v_known, v_dirty
  from (select * from teg.accounts acc where acc.id = any (v_refs) order by acc.id for no key update) l;
  select array_agg(s.slot::integer order by r.place) into v_slot
  from unnest(v_refs) with ordinality as r(id, place) left join unnest(v_ids) with ordinality as s(id, slot) on s.id = r.id;
  if 5 = any (p_op) then
    perform pg_advisory_xact_lock(hashtext('teg.genesis_budget'));
  end if;
  v_now := coalesce(p_now, clock_timestamp());
  v_day := (v_now at time zone 'UTC')::date;

  -- 3. New statements, hence new snapshots: what was committed while this batch waited for its locks is seen.
  select array_agg(f.seq order by c.place), array_agg(f.request_hash order by c.place) into v_prior, v_prior_hash
  from unnest(p_idem) with ordinality as c(idem, place)
  left join lateral (select m.seq, m.request_hash from teg.transfers m where m.idem = c.idem limit 1) f on true;
  v_alias := array_fill(0, array[n]);
  select s.id, s.effective_ppm into v_snap_now, v_ppm_now from teg.fee_snapshots s order by s.settings_version desc limit 1;
  if 4 = any (p_op) then
    select o.kinds, o.lefts, o.firsts into v_orig_kind, v_orig_left, v_orig_first
    from teg.read_originals(v_orig, p_accounts, p_from) o;
  end if;
  if 5 = any (p_op) then
    select coalesce(sum(g.amount), 0)::bigint into v_granted from teg.grants g where g.granted_on = v_day;
  end if;
  if cardinality(p_keys) > 0 then
    v_spent := teg.lock_spending(p_keys, v_day);
  end if;

  -- 4. In order over memory: each command sees what the earlier ones did, each is accepted or refused by itself.
  for i in 1 .. n loop
    op := p_op[i]; a := v_slot[p_from[i]]; b := v_slot[p_to[i]]; x := p_extra[i]::json; k := 0;
    verdict := null; kind := null; keep := op in (3, 4); fee := 0; ppm := 0; snap := null; amount := p_amount[i];
    f := case when p_twin[i] = 0 then i else p_twin[i] end; j := v_alias[f];

    if op > 5 then
      keep := false; verdict := array['not_found', 'The gate does not know this command yet.'];

    elsif op = 1 then
      if a is not null and v_dids[a] = x ->> 'did' and v_owners[a] = (x ->> 'owner')::uuid then
        r_state[i] := case when v_known[a] then 6 else 5 end;
        v_known[a] := true;
        continue;
      end if;
      verdict := array['idempotency_key_reused', 'The account or its did is already there with another did or owner.'];

    elsif a is null or not v_known[a] then
      keep := false; verdict := array['agent_not_found', 'The TEG has no account of the acting agent.'];

    -- A known key gets its first answer, whatever has changed since.
    elsif op <> 2 and (v_prior[i] is not null or j > 0) then
      if coalesce(v_prior_hash[i], p_hash[j]) = p_hash[i] then
        r_state[i] := case when v_prior[i] is null then 4 else 3 end; r_prior[i] := coalesce(v_prior[i], j);
        continue;
      end if;
      keep := false;
      verdict := case when op = 5 then array['already_granted', 'This developer had the genesis grant for another agent.']
        else array['idempotency_key_reused', 'The key was used with another request; its first outcome stands.'] end;

    elsif op = 2 then
      want := (x ->> 'status')::smallint; step := (x ->> 'sequence')::bigint;
      if step < v_status_seq[a] or (step = v_status_seq[a] and want = v_status[a]) then
        -- A closing that is asked for again shows the movement that it made, here or in an earlier batch.
        j := case when want = 3 and p_to[i] is not null then array_position(p_key, p_key[i]) end;
        r_prior[i] := case when j < i and p_op[j] = 2 and r_state[j] = 0 then j
          when j > 0 then teg.find_closing(v_ids[a], step) end;
        r_state[i] := case when r_prior[i] is null then 6 when r_prior[i] = j then 4 else 3 end;
        continue;
      end if;
      if want = 3 then
        verdict := teg.judge_closing(v_balance[a], v_held[a] + v_staked[a], v_status[a], p_to[i] is not null, a = b,
          case when v_known[b] then v_status[b] end);
        if verdict is null and v_balance[a] > 0 then
          kind := 'transfer'; amount := v_balance[a];
        end if;
      end if;

    elsif op = 5 then
      kind := 'genesis_grant'; b := a; a := null;
      verdict := case when amount < 1 or amount > amount_max
          then array['amount_out_of_range', 'A grant is 0.000001 to 9007199254.740991 AVT.']
        when v_status[b] <> 1 then array['agent_not_active', 'The agent is not active.']
        when v_granted + amount > (x ->> 'budget')::bigint
          then array['budget_exhausted', 'The grant stays due; the budget is renewed at 00:00 UTC.'] end;

    else
      if op = 4 then
        kind := 'refund'; b := v_slot[v_payers_at + i]; f := v_orig_first[i]; amount := coalesce(amount, v_orig_left[f]);
        verdict := teg.judge_refund(v_orig_kind[i], amount, v_orig_left[f]);
      else
        kind := 'transfer';
        if amount < 100 or amount > amount_max then
          verdict := array['amount_out_of_range', 'A transfer is 0.0001 to 9007199254.740991 AVT.'];
        end if;
      end if;
      if verdict is null then
        verdict := case when b is null or not v_known[b] then array['agent_not_found', 'The payee is unknown here.']
          when a = b then array['same_agent', 'Payer and payee are the same agent.']
          when v_status[a] <> 1 then array['agent_not_active', 'The payer is not active.']
          when v_status[b] <> 1 then array['agent_not_active', 'The payee is not active.'] end;
      end if;
      if verdict is null and op = 3 then
        snap := v_snap_now; ppm := v_ppm_now; q := x -> 'quote';
        if q is not null then
          select s.id, s.effective_ppm into v_snap, v_snap_ppm from teg.fee_snapshots s
          where s.id = (q ->> 'fee_snapshot')::bigint;
          verdict := teg.judge_quote(q, v_snap is not null, v_now); snap := v_snap; ppm := v_snap_ppm;
        end if;
        fee := teg.fee_of(amount, ppm);
      end if;
      q := x -> 'limits';
      if verdict is null and q is not null then
        k := (q ->> 'slot')::integer; verdict := teg.judge_limits(q, amount, v_spent[k], v_ids[b], v_dids[b]);
      end if;
      if verdict is null and amount > v_balance[a] - v_held[a] then
        verdict := array['insufficient_funds', 'The payer has ' || teg.avt(v_balance[a] - v_held[a])
          || ' AVT available; ' || teg.avt(amount) || ' are needed.'];
      end if;
    end if;

    if verdict is null and kind is not null and v_balance[b] > int8_max - amount - v_staked[b] then
      verdict := array['amount_out_of_range', 'The payee''s account can''t take that much.'];
    end if;
    if verdict is not null then
      r_state[i] := case when keep then 1 else 2 end; r_code[i] := verdict[1]; r_detail[i] := verdict[2];
      if not keep then
        continue;
      end if;
      r_kind[i] := kind; r_from[i] := v_ids[a]; r_to[i] := v_ids[b]; r_amount[i] := coalesce(amount, 0);
      r_fee[i] := 0; r_ppm[i] := 0; r_refund[i] := v_orig[i]; v_rows := v_rows + 1;
    elsif kind is not null then
      r_state[i] := 0; r_kind[i] := kind; r_amount[i] := amount; r_fee[i] := fee; r_ppm[i] := ppm; r_snap[i] := snap;
      if a is not null then
        v_balance[a] := v_balance[a] - amount; v_seq[a] := v_seq[a] + 1; v_dirty[a] := true;
        r_from[i] := v_ids[a]; r_from_slot[i] := a; r_from_seq[i] := v_seq[a]; r_from_balance[i] := v_balance[a];
        r_from_held[i] := nullif(v_held[a], 0);
      else
        v_issued := v_issued + amount; v_granted := v_granted + amount;
      end if;
      v_balance[b] := v_balance[b] + (amount - fee); v_seq[b] := v_seq[b] + 1; v_dirty[b] := true;
      r_to[i] := v_ids[b]; r_to_slot[i] := b; r_to_seq[i] := v_seq[b]; r_to_balance[i] := v_balance[b];
      if op = 4 then
        r_refund[i] := v_orig[i]; v_orig_left[f] := v_orig_left[f] - amount;
      end if;
      if k > 0 then
        v_spent[k] := v_spent[k] + least(amount, int8_max - v_spent[k]);
      end if;
      v_fees := v_fees + fee; v_events := v_events + 1; v_rows := v_rows + 1;
    end if;
    if op = 2 then
      v_status[a] := want; v_status_seq[a] := step; v_dirty[a] := true; r_state[i] := coalesce(r_state[i], 5);
      s_at := s_at || i; s_account := s_account || v_ids[a]; s_sequence := s_sequence || step;
      s_status := s_status || want; s_transfer := s_transfer || case when kind is not null then p_id[i] end;
    else
      v_alias[case when p_twin[i] = 0 then i else p_twin[i] end] := i;
    end if;
  end loop;

  -- 5. One write of each kind.
  if v_rows > 0 or cardinality(s_at) > 0 then
    v_base := nextval('teg.ledger_seq');
  end if;
  if v_rows > 0 then
    insert into teg.transfers (seq, id, idem, request_hash, from_agent, to_agent, amount, fee, from_seq, from_balance,
      to_seq, to_balance, created_at, fee_ppm, fee_snapshot, from_held, refund_of, kind, scope, key, memo, reference, code, detail)
    select v_base + c.place - 1, c.id, c.idem, c.hash, c.payer, c.payee, c.amount, c.fee, c.from_seq, c.from_balance,
      c.to_seq, c.to_balance, v_now, c.ppm, c.snap, c.from_held, c.refund, c.kind,
      case c.op when 2 then 'system:status' when 5 then 'system:genesis' end, c.key, c.memo, c.reference, c.code, c.detail
    from unnest(p_op, r_state, p_id, p_idem, p_hash, r_from, r_to, r_amount, r_fee, r_from_seq, r_from_balance, r_to_seq,
      r_to_balance, r_ppm, r_snap, r_from_held, r_refund, r_kind, p_key, p_memo, p_reference, r_code, r_detail)
      with ordinality as c(op, state, id, idem, hash, payer, payee, amount, fee, from_seq, from_balance, to_seq,
      to_balance, ppm, snap, from_held, refund, kind, key, memo, reference, code, detail, place)
    where c.state < 2;
  end if;
  update teg.accounts acc set balance = u.balance, seq = u.seq, status = u.status, status_sequence = u.status_seq
  from unnest(v_ids, v_balance, v_seq, v_status, v_status_seq, v_dirty) as u(id, balance, seq, status, status_seq, dirty)
  where acc.id = u.id and u.dirty;
  if v_fees > 0 or v_issued > 0 then
    insert into teg.system_deltas (seq, account, amount, created_at)
    select v_base, d.account, d.amount, v_now
    from (values ('treasury', v_fees), ('issuance', -v_issued)) as d(account, amount) where d.amount <> 0;
  end if;
  if v_issued > 0 then
    perform teg.write_grants(v_day, p_op, r_state, r_to, p_id, r_amount, p_extra);
  end if;
  if cardinality(s_at) > 0 then
    insert into teg.account_steps (seq, account, sequence, status, transfer, created_at)
    select v_base + s.place - 1, s.account, s.sequence, s.status, s.transfer, v_now
    from unnest(s_at, s_account, s_sequence, s_status, s_transfer) as s(place, account, sequence, status, transfer);
  end if;
  if cardinality(p_keys) > 0 then
    update teg.key_spending s set spent = u.spent from unnest(p_keys, v_spent) as u(id, spent)
    where s.key_id = u.id and s.day = v_day and s.spent <> u.spent;
  end if;
  if v_events > 0 then
    insert into teg.outbox (base, events) values (v_base, v_events);
  end if;
  if v_base % 1280000 = 0 then
    perform teg.fold_deltas(2000);  -- every 256th batch
  end if;

  return query
  select c.state, c.code, c.detail, c.prior, c.payer, v_dids[c.from_slot], c.payee, v_dids[c.to_slot], c.amount, c.fee,
    c.ppm, c.from_balance - coalesce(c.from_held, 0), c.refund, v_now
  from unnest(r_state, r_code, r_detail, r_prior, r_from, r_from_slot, r_to, r_to_slot, r_amount, r_fee, r_ppm,
    r_from_balance, r_from_held, r_refund) with ordinality
    as c(state, code, detail, prior, payer, from_slot, payee, to_slot, amount, fee, ppm, from_balance, from_held, refund, place)
  order by c.place;
end $gate$;
