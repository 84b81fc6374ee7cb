-- The journal's lives and what was told again are history too: the registry's role adds to them, an auditor reads them.
do $$
begin
  if exists (select from pg_roles r where r.rolname = 'ninefold_auditor') then
    grant select on registry.journal_lives, registry.journal_retold, registry.incarnation, registry.forwarder to ninefold_auditor;
  end if;
  if exists (select from pg_roles r where r.rolname = 'ninefold_registry') then
    revoke update, delete on registry.journal_lives, registry.journal_retold from ninefold_registry;
  end if;
end $$;
