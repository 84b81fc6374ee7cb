-- What the gate's short way writes an account by before it has judged: the batch that changed it last, and the ends of its two
-- chains before that (each less than 0 where what was foreseen did not hold: -1 less the end). Of the last batch of the short
-- way only; nobody else reads them. An older process, which would not note the batch, no longer finds its functions; of one
-- whose call waits for these locks, the ends of the chains tell.
lock table teg.accounts, teg.moves in access exclusive mode;
drop function if exists teg.apply_commands;
drop function if exists teg.apply_transfers;
drop function if exists teg.write_accounts;
alter table teg.accounts add column last_batch bigint not null default 0, add column prior_out bigint not null default 0,
  add column prior_in bigint not null default 0;
-- Each look at an account clears its page of old versions, and looks at every row on it: a third less of them on new pages.
alter table teg.accounts set (fillfactor = 35);
