-- What the system accounts' deltas have been folded into. A delta is a queue entry, like teg.outbox: the history of a
-- system account is in the movements themselves, see teg.postings.
create table teg.system_accounts (
  account text primary key,
  balance numeric not null default 0,
  credited numeric not null default 0   -- the credits alone
);
drop trigger refuse_change on teg.system_deltas;
drop trigger refuse_truncate on teg.system_deltas;
create trigger refuse_change before update on teg.system_deltas
  for each row execute function teg.refuse_change();
create trigger refuse_change before delete on teg.system_accounts
  for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.system_accounts
  for each statement execute function teg.refuse_change();
-- Days long past are swept by day.
create index key_spending_day on teg.key_spending (day);
