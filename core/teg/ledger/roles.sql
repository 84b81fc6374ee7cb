-- Rights of roles, where the server has them: ninefold_teg may do what the TEG does, ninefold_auditor may read. Repeatable.
-- Neither owns a table, so that neither can take a trigger away; the owner runs the migrations. A new table is read by the
-- auditor by default and is written by the TEG once it is named here.
do $$
begin
  if exists (select from pg_roles r where r.rolname = 'ninefold_auditor') then
    grant usage on schema teg to ninefold_auditor;
    grant select on all tables in schema teg to ninefold_auditor;
    alter default privileges in schema teg grant select on tables to ninefold_auditor;
  end if;
  if exists (select from pg_roles r where r.rolname = 'ninefold_teg') then
    grant usage on schema teg to ninefold_teg;
    grant select on all tables in schema teg to ninefold_teg;
    alter default privileges in schema teg grant select on tables to ninefold_teg;
    -- History: rows are added, never changed.
    grant insert on teg.moves, teg.account_steps, teg.fee_snapshots, teg.grants, teg.tokens, teg.token_steps,
      teg.outbox_numbered to ninefold_teg;
    -- Balances, sums and what the gate remembers of keys and tasks.
    grant insert, update on teg.accounts, teg.system_accounts, teg.task_epochs to ninefold_teg;
    grant insert, update, delete on teg.key_spending to ninefold_teg;
    grant update (minting, ever_minted) on teg.meta to ninefold_teg;
    -- Queues.
    grant insert, delete on teg.system_deltas, teg.outbox, teg.open_tokens to ninefold_teg;
    grant usage on sequence teg.ledger_seq to ninefold_teg;
  end if;
end $$;
