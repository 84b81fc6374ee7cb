-- Minting and burning in the gate. Repeatable.
-- `p_available` is what a burn can take; null for a mint. `p_status` is that of the agent; null: it is the treasury.
create or replace function teg.judge_supply(p_minting boolean, p_kind text, p_amount bigint, p_status smallint,
  p_available numeric)
returns text[] language plpgsql immutable as $$
begin
  if not p_minting then
    return array['minting_disabled', 'This TEG runs without minting authority.'];
  elsif p_amount < 1 or p_amount > 9007199254740991 then
    return array['amount_out_of_range', 'The amount is 0.000001 to 9007199254.740991 AVT.'];
  -- What a suspended agent holds can be destroyed; nothing is issued to it.
  elsif p_status = 3 or (p_kind = 'mint' and p_status <> 1) then
    return array['agent_not_active', 'The agent is not active.'];
  elsif p_amount > p_available then
    return array['insufficient_funds', trim_scale(p_available / 1000000)::text || ' AVT are available; '
      || teg.avt(p_amount) || ' are needed.'];
  end if;
  return null;
end $$;

-- What the treasury holds, fees of open batches aside, for a batch that takes from it: nobody else does until it ends.
create or replace function teg.lock_treasury() returns numeric language plpgsql as $$
begin
  perform pg_advisory_xact_lock(hashtext('teg.fold_deltas'));
  perform teg.fold_deltas(2000);
  perform from teg.system_accounts s where s.account = 'treasury' for update;
  return coalesce((select s.balance from teg.system_accounts s where s.account = 'treasury'), 0)
    + coalesce((select sum(d.amount) from teg.system_deltas d where d.account = 'treasury'), 0);
end $$;

-- Records what a batch has issued and destroyed, and for ever that this TEG has done so.
create or replace function teg.write_supply(p_now timestamptz, p_op smallint[], p_state smallint[], p_from uuid[],
  p_to uuid[], p_amount bigint[])
returns void language plpgsql as $$
declare
  v_base bigint;
begin
  if not exists (select from unnest(p_op, p_state) as c(op, state) where c.op in (10, 11) and c.state = 0) then
    return;
  end if;
  v_base := nextval('teg.ledger_seq');
  update teg.meta m set ever_minted = true where not m.ever_minted;
  insert into teg.system_deltas (seq, account, amount, created_at, minted)
  select v_base + c.place - 1, d.account, d.amount, p_now, d.account = 'treasury'
  from unnest(p_op, p_state, p_from, p_to, p_amount) with ordinality as c(op, state, payer, payee, amount, place)
  cross join lateral (values
    (case c.op when 10 then 'issuance' else 'destruction' end, case c.op when 10 then -c.amount else c.amount end),
    (case when c.payer is null and c.payee is null then 'treasury' end, case c.op when 10 then c.amount else -c.amount end)
  ) as d(account, amount)
  where c.op in (10, 11) and c.state = 0 and d.account is not null;
end $$;
