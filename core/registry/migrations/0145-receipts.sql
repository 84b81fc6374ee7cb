-- A receipt is made from the journal's row, and no row of the journal ever goes: the foreign key was checked once more for each
-- event, with a lock written onto its row.
alter table registry.ledger_receipts drop constraint ledger_receipts_index_fkey;
