-- Sums over all agents. Repeatable.
-- For readers from outside, whose work must not be done by several processes at once: what they may take is a share of one.
create or replace function teg.sum_accounts(out total numeric, out held numeric) language sql stable
  set max_parallel_workers_per_gather = 0 as $$
  select coalesce(sum(a.balance), 0) + coalesce(sum(a.staked), 0) + coalesce(sum(a.unbonding), 0), coalesce(sum(a.held), 0)
  from teg.accounts a
$$;
