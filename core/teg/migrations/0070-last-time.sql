-- The time of the last batch that changed an account, below which the gate gives it no other: along its legs the times rise with
-- the numbers, which reads by time rely on, even where the server's clock is put back. Accounts of before begin without one.
lock table teg.accounts in access exclusive mode;
alter table teg.accounts add column last_at timestamptz not null default '-infinity';
