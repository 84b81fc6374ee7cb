-- Rights of roles, where the operator has made them: ninefold_registry runs the registry, ninefold_auditor reads. Neither
-- owns a table, so that neither can take a trigger away; the owner runs the migrations.
do $$
begin
  if exists (select from pg_roles r where r.rolname = 'ninefold_auditor') then
    grant usage on schema registry to ninefold_auditor;
    grant select on registry.journal, registry.journal_head, registry.journal_sources, registry.ledger_receipts,
      registry.policy_sets, registry.audit_trail, registry.audit_reports, registry.agents, registry.agent_versions,
      registry.ratings, registry.settings, registry.settings_state, registry.task_runs, registry.task_epochs,
      registry.task_leases, registry.grants_due, registry.migrations to ninefold_auditor;
  end if;
  if exists (select from pg_roles r where r.rolname = 'ninefold_registry') then
    grant usage on schema registry to ninefold_registry;
    grant select, insert, update, delete on all tables in schema registry to ninefold_registry;
    grant usage, select on all sequences in schema registry to ninefold_registry;
    alter default privileges in schema registry grant select, insert, update, delete on tables to ninefold_registry;
    alter default privileges in schema registry grant usage, select on sequences to ninefold_registry;
    -- History: rows are added, never changed, whatever became of a trigger.
    revoke update, delete on registry.journal, registry.ledger_receipts, registry.policy_sets, registry.audit_trail,
      registry.audit_reports, registry.ratings from ninefold_registry;
    revoke insert, update, delete on registry.migrations from ninefold_registry;
  end if;
end $$;
