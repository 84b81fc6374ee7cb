-- Which EventStore a receipt is of: whoever tells the whole journal to another one begins a new count, and the receipts of the
-- one before stay as evidence.
alter table registry.forwarder add column ledger integer not null default 0;
alter table registry.ledger_receipts add column ledger integer not null default 0;
alter table registry.ledger_receipts drop constraint ledger_receipts_pkey, add primary key (index, ledger);
