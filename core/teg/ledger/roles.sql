-- Rights of roles, where the server has them: ninefold_teg may do what the TEG does, ninefold_auditor may read. Neither owns a
-- table, so that neither can take a trigger away; the owner runs the migrations. Runs last, and again when any other script
-- was applied, a role of ours has come, or the database is another (a restored dump): see migrate.ts.
-- The doors of the ledger run with the rights of its owner, under a path of names that no caller can change. So the TEG's
-- role moves AVT through the gate or not at all: no table of the ledger is open to it, and no sequence.
alter function teg.apply_commands security definer set search_path = pg_catalog, pg_temp;
alter function teg.apply_transfers security definer set search_path = pg_catalog, pg_temp;
alter function teg.number_outbox security definer set search_path = pg_catalog, pg_temp;
revoke all on function teg.apply_commands, teg.apply_transfers, teg.number_outbox from public;
do $$
begin
  if exists (select from pg_roles r where r.rolname = 'ninefold_auditor') then
    grant usage on schema teg to ninefold_auditor;
    grant select on all tables in schema teg to ninefold_auditor;
    alter default privileges in schema teg grant select on tables to ninefold_auditor;
  end if;
  -- Not where it owns the tables itself: from an owner nothing can be kept but by triggers.
  if exists (select from pg_roles r where r.rolname = 'ninefold_teg' and r.rolname <> current_user) then
    grant usage on schema teg to ninefold_teg;
    -- Earlier versions gave more, columns of teg.meta included: minting authority is the owner's to give.
    revoke all on all tables in schema teg from ninefold_teg;
    revoke all on all sequences in schema teg from ninefold_teg;
    grant select on all tables in schema teg to ninefold_teg;
    alter default privileges in schema teg grant select on tables to ninefold_teg;
    grant execute on function teg.apply_commands, teg.apply_transfers, teg.number_outbox to ninefold_teg;
    -- A rate within its bounds is added, never changed; and which database it stands in, the TEG finds out itself.
    grant insert on teg.fee_snapshots to ninefold_teg;
    grant update (identity, restores, restored_label) on teg.meta to ninefold_teg;
  end if;
end $$;
