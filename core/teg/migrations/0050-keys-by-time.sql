-- Whether keys that begin with a time have digests that begin with it. Only in a ledger that is born so: where outcomes are
-- kept under other digests, a repeated key would not find its own and would move money again.
alter table teg.meta add column keys_by_time boolean not null default false;
update teg.meta set keys_by_time = true
where not exists (select from teg.accounts) and not exists (select from teg.moves)
  -- No process of an older version can be at work on a database that has just been made.
  and exists (select from teg.migrations g where g.name = '0001-ledger.sql' and g.applied_at > clock_timestamp() - interval '5 minutes');
