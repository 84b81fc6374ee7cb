-- Whether keys that begin with a time have digests that begin with it. Only in a ledger that is born so: where outcomes are
-- kept under other digests, a repeated key would not find its own and would move money again. The gate is told which
-- digests it is given and refuses the other kind; an older process, which does not tell, no longer finds its functions.
lock table teg.accounts, teg.moves in access exclusive mode;
drop function if exists teg.apply_commands;
drop function if exists teg.apply_transfers;
alter table teg.meta add column keys_by_time boolean not null default false;
update teg.meta set keys_by_time = true
where not exists (select from teg.accounts) and not exists (select from teg.moves);
