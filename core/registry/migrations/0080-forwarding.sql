-- What the EventStore is told of a row is fixed with its index: beside the exact bytes the salt of its commitment and the
-- version of the emission policy that it was written under. Rows written before get a salt of their own here.
alter table registry.journal add column salt bytea not null default uuid_send(gen_random_uuid())
  constraint journal_salt check (length(salt) = 16);
alter table registry.journal add column policyversion integer not null default 0
  constraint journal_policyversion check (policyversion >= 0);
-- What the EventStore has receipted, by the journal's index.
create table registry.ledger_receipts (
  index bigint primary key references registry.journal (index),
  ledgerindex bigint not null check (ledgerindex >= 0),
  leaf_hash bytea not null check (length(leaf_hash) = 32),
  received_at timestamptz not null
);
create trigger ledger_receipts_append_only before update or delete or truncate on registry.ledger_receipts
  for each statement execute function registry.refuse_journal_change();
-- Where the forwarder stands: everything up to the index has its receipt. The checkpoint is the newest that was seen:
-- the log must only add to it.
create table registry.forwarder (
  only_row boolean primary key default true check (only_row),
  index bigint not null default 0 check (index >= 0),
  checkpoint text,
  origin text,
  size bigint,
  root bytea
);
insert into registry.forwarder default values;
