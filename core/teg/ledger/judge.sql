-- What the gate asks about one command: functions over values that it holds under its locks. Repeatable.
-- A verdict is {code, detail}; null: nothing stands against it.
create or replace function teg.avt(p_micro bigint) returns text language sql immutable as $$
  select trim_scale(p_micro::numeric / 1000000)::text
$$;

-- ceil(amount x ppm / 1e6), at least 1, in parts: the whole product would not fit.
create or replace function teg.fee_of(p_amount bigint, p_ppm integer) returns bigint language sql immutable as $$
  select greatest(1, (p_amount / 1000000) * p_ppm + ((p_amount % 1000000) * p_ppm + 999999) / 1000000)
$$;

-- The amount of a transfer or a hold.
create or replace function teg.judge_amount(p_amount bigint) returns text[] language sql immutable as $$
  select case when p_amount < 100 or p_amount > 9007199254740991
    then array['amount_out_of_range', 'A transfer is 0.0001 to 9007199254.740991 AVT.'] end
$$;

-- Payer and payee of a movement; `p_known` tells whether there is such a payee.
create or replace function teg.judge_parties(p_known boolean, p_same boolean, p_payer_status smallint,
  p_payee_status smallint)
returns text[] language sql immutable as $$
  select case when not p_known then array['agent_not_found', 'The payee is unknown here.']
    when p_same then array['same_agent', 'Payer and payee are the same agent.']
    when p_payer_status <> 1 then array['agent_not_active', 'The payer is not active.']
    when p_payee_status <> 1 then array['agent_not_active', 'The payee is not active.'] end
$$;

create or replace function teg.payee_is_full() returns text[] language sql immutable as $$
  select array['amount_out_of_range', 'The payee''s account can''t take that much.']
$$;

-- Closing an account: `p_named` tells whether a payee was named, `p_payee_status` is null for one that is unknown.
create or replace function teg.judge_closing(p_balance bigint, p_bound bigint, p_status smallint, p_named boolean,
  p_same boolean, p_payee_status smallint)
returns text[] language plpgsql immutable as $$
begin
  if p_bound > 0 then
    return array['agent_not_empty', 'The account has holds or stakes; end them before it is closed.'];
  elsif p_balance = 0 then
    return null;
  elsif not p_named then
    return array['agent_not_empty',
      'The account holds ' || teg.avt(p_balance) || ' AVT; name an agent that takes them over.'];
  elsif p_payee_status is null then
    return array['agent_not_found', 'The agent that shall take the balance over is unknown here.'];
  elsif p_same then
    return array['same_agent', 'The balance must move to another agent.'];
  elsif p_status <> 1 or p_payee_status <> 1 then
    return array['agent_not_active', 'A balance moves only between active agents.'];
  end if;
  return null;
end $$;

-- A refund of `p_amount`, of which `p_left` can still be paid back; `p_kind` is null when this agent received no such transfer.
create or replace function teg.judge_refund(p_kind text, p_amount bigint, p_left bigint)
returns text[] language plpgsql immutable as $$
begin
  if p_kind is null or p_kind in ('genesis_grant', 'mint') then
    return array['not_found', 'This agent has received no such transfer.'];
  elsif p_kind = 'refund' then
    return array['refund_exceeds', 'A refund can''t be refunded.'];
  elsif p_amount <= 0 and p_left <= 0 then
    return array['refund_exceeds', 'All of the transfer has been paid back.'];
  elsif p_amount not between 1 and 9007199254740991 then
    return array['amount_out_of_range', 'A refund is 0.000001 to 9007199254.740991 AVT.'];
  elsif p_amount > p_left then
    return array['refund_exceeds', teg.avt(p_left) || ' AVT of the transfer can still be paid back.'];
  end if;
  return null;
end $$;

-- A quote at a moment; `p_known` tells whether its fee snapshot is one of this TEG.
create or replace function teg.judge_quote(p_quote json, p_known boolean, p_now timestamptz)
returns text[] language plpgsql stable as $$
begin
  if not p_known or not (p_quote ->> 'matches')::boolean or p_quote ->> 'valid_until' is null then
    return array['quote_mismatch', 'The quote is not one of this registry for these fields.'];
  elsif p_now > (p_quote ->> 'valid_until')::timestamptz then
    return array['quote_expired', 'The quote was valid until ' || (p_quote ->> 'valid_until') || '.'];
  end if;
  return null;
end $$;

-- What a key may spend, of which it has spent `p_spent` today.
create or replace function teg.judge_limits(p_limits json, p_amount bigint, p_spent bigint, p_payee uuid, p_did text)
returns text[] language plpgsql stable as $$
declare
  v_once constant bigint := (p_limits ->> 'per_transfer')::bigint;
  v_left constant bigint := (p_limits ->> 'per_day')::bigint - p_spent;
begin
  if p_amount > v_once then
    return array['limit_exceeded', 'The key may spend ' || teg.avt(v_once) || ' AVT in one transfer.'];
  elsif p_limits -> 'payees' is not null and not ((p_limits -> 'payees')::jsonb ?| array[p_payee::text, p_did]) then
    return array['limit_exceeded', 'The key may not pay this agent.'];
  elsif p_amount > v_left then
    return array['limit_exceeded', 'The key may spend ' || teg.avt(greatest(0, v_left)) || ' AVT more today (UTC).'];
  end if;
  return null;
end $$;

create or replace function teg.judge_funds(p_available bigint, p_amount bigint) returns text[] language sql immutable as $$
  select array['insufficient_funds', 'The payer has ' || teg.avt(p_available) || ' AVT available; '
    || teg.avt(p_amount) || ' are needed.']
$$;

create or replace function teg.judge_grant(p_stale boolean, p_amount bigint, p_status smallint, p_granted bigint,
  p_budget bigint)
returns text[] language plpgsql immutable as $$
begin
  if p_stale then
    return teg.stale_epoch();
  elsif p_amount < 1 or p_amount > 9007199254740991 then
    return array['amount_out_of_range', 'A grant is 0.000001 to 9007199254.740991 AVT.'];
  elsif p_status <> 1 then
    return array['agent_not_active', 'The agent is not active.'];
  elsif p_granted + p_amount > p_budget then
    return array['budget_exhausted', 'The grant stays due; the budget is renewed at 00:00 UTC.'];
  end if;
  return null;
end $$;

create or replace function teg.linked_failed() returns text[] language sql immutable as $$
  select array['linked_failed', 'Another transfer of its linked group was refused; nothing of the group has happened.']
$$;
