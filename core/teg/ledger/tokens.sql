-- Payment tokens in the gate: a hold with an audience, a single use and an expiry. Repeatable.
-- States of a token: 1 active, 2 redeemed, 3 cancelled, 4 expired.

-- States of tokens, read under their payers' locks, by command.
create or replace function teg.read_token_states(p_tokens teg.tokens[])
returns smallint[] language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  return (select array_agg(coalesce(s.status, case when c.id is not null then 1 end)::smallint order by c.place)
    from (select g.place, (p_tokens[g.place]).id as id from generate_subscripts(p_tokens, 1) as g(place)) c
    left join teg.token_steps s on s.token = c.id);
end $$;

-- Tokens of a payer whose time is over, oldest first, and not those that the batch has ended already: a hundred, or as many
-- as `p_needed` micro-AVT take (null: all), so that nothing is refused for funds that are due. A batch has numbers for
-- `p_most` more: where more are needed it ends with NF003, and the caller voids this payer's and comes again.
drop function if exists teg.find_expired;
create function teg.find_expired(p_payer uuid, p_now timestamptz, p_ended uuid[], p_most integer, p_needed bigint,
  out tokens uuid[], out freed bigint)
language plpgsql as $$
declare
  v_first constant integer := least(100, p_most);
  v_more boolean;
begin
  select coalesce(array_agg(e.token), '{}'), coalesce(sum(e.amount), 0)::bigint into tokens, freed
  from (select o.token, o.amount from teg.open_tokens o
    where o.payer = p_payer and o.expires_at <= p_now and o.token <> all (p_ended)
    order by o.expires_at, o.token limit v_first) e;
  if cardinality(tokens) < v_first or freed >= p_needed then
    return;
  end if;
  select coalesce(array_agg(e.token order by e.place) filter (where e.place <= p_most), '{}'),
    coalesce(sum(e.amount) filter (where e.place <= p_most), 0)::bigint, coalesce(max(e.place) > p_most, false)
  into tokens, freed, v_more
  from (select d.token, d.amount, row_number() over w as place, sum(d.amount) over w - d.amount as before
    from (select o.token, o.amount, o.expires_at from teg.open_tokens o
      where o.payer = p_payer and o.expires_at <= p_now and o.token <> all (p_ended)
      order by o.expires_at, o.token limit p_most + 1) d
    window w as (order by d.expires_at, d.token rows unbounded preceding)) e
  where e.place <= v_first or p_needed is null or e.before < p_needed;
  if v_more then
    raise exception 'teg.open_tokens: more holds are due than one batch can void' using errcode = 'NF003', detail = p_payer::text;
  end if;
end $$;

-- Redeeming a token, of which `p_state` is known under the payer's lock.
create or replace function teg.judge_redeeming(p_token teg.tokens, p_state smallint, p_payee uuid, p_amount bigint,
  p_now timestamptz, p_payer_status smallint, p_payee_status smallint)
returns text[] language plpgsql immutable as $$
begin
  if p_token.id is null then
    return array['not_found', 'There is no such token.'];
  elsif p_token.payee <> p_payee then
    return array['audience_mismatch', 'The token names another payee.'];
  elsif p_state > 1 or p_token.expires_at <= p_now then
    return teg.judge_ended(p_token, p_state);
  elsif p_amount < 100 or p_amount > p_token.amount then
    return array['amount_out_of_range', 'The token is good for 0.0001 to ' || teg.avt(p_token.amount) || ' AVT.'];
  elsif p_payer_status <> 1 then
    return array['agent_not_active', 'The payer is not active.'];
  elsif p_payee_status <> 1 then
    return array['agent_not_active', 'The payee is not active.'];
  end if;
  return null;
end $$;

create or replace function teg.judge_ended(p_token teg.tokens, p_state smallint)
returns text[] language sql immutable as $$
  select case p_state
    when 2 then array['token_redeemed', 'The token has been redeemed; it works once.']
    when 3 then array['token_cancelled', 'The payer has cancelled the token.']
    else array['token_expired', 'The token was valid until '
      || to_char(p_token.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '.'] end
$$;

-- Cancelling a token, or voiding one that is due.
create or replace function teg.judge_ending(p_token teg.tokens, p_state smallint, p_payer uuid, p_due boolean,
  p_now timestamptz)
returns text[] language plpgsql immutable as $$
begin
  if p_token.id is null or p_token.payer <> p_payer then
    return array['not_found', 'This agent has issued no such token.'];
  elsif p_state > 1 or (not p_due and p_token.expires_at <= p_now) then
    return teg.judge_ended(p_token, p_state);
  end if;
  return null;
end $$;

-- Records the tokens that a batch has issued and ended.
drop function if exists teg.write_tokens;
create function teg.write_tokens(p_base bigint, p_now timestamptz, p_op smallint[], p_state smallint[], p_from uuid[],
  p_to uuid[], p_amount bigint[], p_extra text[], p_tokens teg.tokens[], p_left bigint[])
returns void language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  with issued as (
    insert into teg.tokens (seq, id, payer, payee, amount, created_at, expires_at, task_ref)
    select p_base + c.place - 1, teg.id_of(p_base + c.place - 1, p_now), c.payer, c.payee, c.amount, p_now,
      p_now + make_interval(secs => (c.extra::json ->> 'expires_in')::integer), c.extra::json ->> 'task_ref'
    from unnest(p_op, p_state, p_from, p_to, p_amount, p_extra) with ordinality
      as c(op, state, payer, payee, amount, extra, place)
    where c.op = 6 and c.state = 0
    returning tokens.seq, tokens.id, tokens.payer, tokens.payee, tokens.amount, tokens.expires_at
  )
  insert into teg.open_tokens (token, payer, payee, issued, amount, expires_at)
  select i.id, i.payer, i.payee, i.seq, i.amount, i.expires_at from issued i;
  if p_tokens is null then
    return;
  end if;
  with ended as (
    insert into teg.token_steps (seq, token, issued, payer, payee, status, amount, transfer, created_at, available)
    select p_base + c.place - 1, (p_tokens[c.place]).id, (p_tokens[c.place]).seq, (p_tokens[c.place]).payer,
      (p_tokens[c.place]).payee, c.op - 5, case c.op when 7 then c.amount else 0 end,
      case c.op when 7 then teg.id_of(p_base + c.place - 1, p_now) end, p_now, case when c.op <> 7 then c.remaining end
    from unnest(p_op, p_state, p_amount, p_left) with ordinality as c(op, state, amount, remaining, place)
    where c.op in (7, 8, 9) and c.state in (0, 5) and (p_tokens[c.place]).id is not null
    returning token_steps.token
  )
  delete from teg.open_tokens o using ended e where o.token = e.token;
end $$;

-- Voids tokens whose time is over, under a block of numbers of their own, before the batch that needs their funds.
drop function if exists teg.write_voids;
create function teg.write_voids(p_base bigint, p_tokens uuid[], p_now timestamptz)
returns void language plpgsql set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off as $$
begin
  insert into teg.token_steps (seq, token, issued, payer, payee, status, created_at)
  select p_base + u.place - 1, k.id, k.seq, k.payer, k.payee, 4, p_now
  from unnest(p_tokens) with ordinality as u(id, place) join teg.tokens k on k.id = u.id;
  delete from teg.open_tokens o where o.token = any (p_tokens);
  insert into teg.outbox (base, events) values (p_base, cardinality(p_tokens));
end $$;

-- Numbers of tokens that `p_agents` (null: all) issued or may redeem, by state as a moment shows it, newest first.
create or replace function teg.search_tokens(p_agents uuid[], p_status smallint, p_before bigint, p_limit integer,
  p_now timestamptz)
returns setof bigint language plpgsql stable set enable_seqscan = off as $$
declare
  v_before constant bigint := coalesce(p_before, 9223372036854775807);
begin
  if p_agents is null then
    return query select k.seq from teg.tokens k left join teg.token_steps s on s.token = k.id
      where k.seq < v_before and (p_status is null
        or p_status = coalesce(s.status, case when k.expires_at > p_now then 1 else 4 end))
      order by k.seq desc limit p_limit;
  elsif p_status is null then
    return query select f.seq from unnest(p_agents) as n(id) cross join lateral (
        (select k.seq from teg.tokens k where k.payer = n.id and k.seq < v_before order by k.seq desc limit p_limit)
        union (select k.seq from teg.tokens k where k.payee = n.id and k.seq < v_before order by k.seq desc limit p_limit)) f
      group by f.seq order by f.seq desc limit p_limit;
  else
    return query select f.issued from unnest(p_agents) as n(id) cross join lateral (
        (select s.issued from teg.token_steps s where s.payer = n.id and s.status = p_status and s.issued < v_before
          order by s.issued desc limit p_limit)
        union (select s.issued from teg.token_steps s where s.payee = n.id and s.status = p_status and s.issued < v_before
          order by s.issued desc limit p_limit)
        union select o.issued from teg.open_tokens o where o.payer = n.id and o.issued < v_before
          and p_status = case when o.expires_at > p_now then 1 else 4 end
        union select o.issued from teg.open_tokens o where o.payee = n.id and o.issued < v_before
          and p_status = case when o.expires_at > p_now then 1 else 4 end) f
      group by f.issued order by f.issued desc limit p_limit;
  end if;
end $$;
