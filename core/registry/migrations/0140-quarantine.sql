-- Workloads of the federation that this registry's operator keeps out: one by its SPIFFE ID, or all of a trust domain.
create table registry.quarantine (
  id uuid primary key,
  spiffe_id text not null unique,      -- spiffe://<trust domain>[/<path>]
  reason text not null,
  actor text not null,
  created_at timestamptz not null
);
do $$
begin
  if exists (select from pg_roles r where r.rolname = 'ninefold_auditor') then
    grant select on registry.quarantine to ninefold_auditor;
  end if;
end $$;
