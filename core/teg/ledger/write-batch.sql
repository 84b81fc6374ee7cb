-- The gate's last step: what a batch writes, one statement of each kind. Repeatable.
drop function if exists teg.write_transfers;
create function teg.write_transfers(p_base bigint, p_now timestamptz, p_op smallint[], p_state smallint[],
  p_idem uuid[], p_hash bigint[], p_nos integer[], p_from integer[], p_to integer[], p_amount bigint[], p_fee bigint[],
  p_from_seq bigint[], p_from_balance bigint[], p_to_seq bigint[], p_to_balance bigint[], p_from_prev bigint[],
  p_to_prev bigint[], p_ppm integer[], p_snap bigint[],
  p_from_held bigint[], p_refund uuid[], p_kind text[], p_key text[], p_memo text[], p_reference text[], p_code text[],
  p_detail text[], p_left bigint[])
returns void language plpgsql as $$
begin
  insert into teg.moves (seq, idem, request_hash, from_no, to_no, amount, fee, from_seq, from_balance,
    to_seq, to_balance, created_at, fee_ppm, fee_snapshot, from_held, refund_of, kind, scope, key, memo, reference, code, detail,
    from_prev, to_prev, available)
  select p_base + c.place - 1, c.idem, c.hash, p_nos[c.payer], p_nos[c.payee], c.amount, c.fee, c.from_seq, c.from_balance,
    c.to_seq, c.to_balance, p_now, c.ppm, c.snap::integer, c.from_held, c.refund, c.kind::teg.kind,
    case c.op when 2 then 'system:status' when 5 then 'system:genesis' when 7 then 'payee' when 10 then 'system:mint'
      when 11 then 'system:burn' end, case c.op when 5 then c.key end, c.memo, c.reference, c.code, c.detail,
    c.from_prev, c.to_prev, c.remaining
  from unnest(p_op, p_state, p_idem, p_hash, p_from, p_to, p_amount, p_fee, p_from_seq, p_from_balance, p_to_seq,
    p_to_balance, p_ppm, p_snap, p_from_held, p_refund, p_kind, p_key, p_memo, p_reference, p_code, p_detail, p_from_prev,
    p_to_prev, p_left)
    with ordinality as c(op, state, idem, hash, payer, payee, amount, fee, from_seq, from_balance, to_seq,
    to_balance, ppm, snap, from_held, refund, kind, key, memo, reference, code, detail, from_prev, to_prev, remaining, place)
  where c.state < 2;
end $$;

-- An account whose legs are no longer those that were read under its lock is a fork of its history: nothing may stand then.
drop function if exists teg.write_accounts;
create function teg.write_accounts(p_base bigint, p_now timestamptz, p_ids uuid[], p_balance bigint[], p_held bigint[],
  p_seq_old bigint[], p_seq bigint[], p_out bigint[], p_in bigint[], p_status smallint[], p_status_seq bigint[], p_dirty boolean[], p_holds boolean)
returns void language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
declare
  v_changed bigint;
begin
  if p_holds then
    update teg.accounts acc
    set balance = u.balance, held = u.held, seq = u.seq, last_out = u.last_out, last_in = u.last_in, status = u.status,
      status_sequence = u.status_seq, last_batch = p_base, last_at = p_now
    from unnest(p_ids, p_balance, p_held, p_seq_old, p_seq, p_out, p_in, p_status, p_status_seq, p_dirty)
      as u(id, balance, held, seq_old, seq, last_out, last_in, status, status_seq, dirty)
    where acc.id = u.id and acc.seq = u.seq_old and u.dirty;
  else
    update teg.accounts acc
    set balance = u.balance, seq = u.seq, last_out = u.last_out, last_in = u.last_in, status = u.status,
      status_sequence = u.status_seq, last_batch = p_base, last_at = p_now
    from unnest(p_ids, p_balance, p_seq_old, p_seq, p_out, p_in, p_status, p_status_seq, p_dirty)
      as u(id, balance, seq_old, seq, last_out, last_in, status, status_seq, dirty)
    where acc.id = u.id and acc.seq = u.seq_old and u.dirty;
  end if;
  get diagnostics v_changed = row_count;
  if v_changed <> cardinality(array_positions(p_dirty, true)) then
    raise exception 'teg.accounts: a locked row has changed' using errcode = 'data_corrupted';
  end if;
end $$;

-- What only some batches write: grants, tokens and their ends, what was issued and destroyed, status changes that took effect.
drop function if exists teg.write_steps;
create function teg.write_steps(p_base bigint, p_now timestamptz, p_day date, p_op smallint[], p_state smallint[],
  p_from uuid[], p_to uuid[], p_amount bigint[], p_extra text[], p_tokens teg.tokens[], s_at integer[],
  s_account uuid[], s_sequence bigint[], s_status smallint[], s_moved boolean[],
  p_left bigint[])
returns void language plpgsql as $$
begin
  if 5 = any (p_op) then
    perform teg.write_grants(p_base, p_now, p_day, p_op, p_state, p_to, p_amount, p_extra);
  end if;
  if p_op && array[6, 7, 8, 9]::smallint[] then
    perform teg.write_tokens(p_base, p_now, p_op, p_state, p_from, p_to, p_amount, p_extra, p_tokens, p_left);
  end if;
  if p_op && array[10, 11]::smallint[] then
    perform teg.write_supply(p_now, p_op, p_state, p_from, p_to, p_amount);
  end if;
  if cardinality(s_at) > 0 then
    insert into teg.account_steps (seq, account, sequence, status, transfer, created_at)
    select p_base + s.place - 1, s.account, s.sequence, s.status,
      case when s.moved then teg.id_of(p_base + s.place - 1, p_now) end, p_now
    from unnest(s_at, s_account, s_sequence, s_status, s_moved) as s(place, account, sequence, status, moved);
  end if;
end $$;

-- Sums of a batch: fees, grants, what keys have spent, its events. Every 256th batch folds system accounts.
create or replace function teg.write_sums(p_base bigint, p_now timestamptz, p_day date, p_fees bigint, p_issued bigint,
  p_events integer, p_keys uuid[], p_spent bigint[])
returns void language plpgsql as $$
begin
  if p_fees > 0 or p_issued > 0 then
    insert into teg.system_deltas (seq, account, amount, created_at)
    select p_base, d.account, d.amount, p_now
    from (values ('treasury', p_fees), ('issuance', -p_issued)) as d(account, amount) where d.amount <> 0;
  end if;
  if cardinality(p_keys) > 0 then
    update teg.key_spending s set spent = u.spent from unnest(p_keys, p_spent) as u(id, spent)
    where s.key_id = u.id and s.day = p_day and s.spent <> u.spent;
  end if;
  if p_events > 0 then
    insert into teg.outbox (base, events) values (p_base, p_events);
  end if;
  if p_base % 1280000 = 0 then
    perform teg.fold_deltas(2000);
  end if;
end $$;
