-- The database that the ledger stands in, as its server calls it. Another one than before is a restore (a dump, a copy, recovery
-- to a point in time, a server that took over): the ledger then says so to the registry by a label behind its incarnation.
alter table teg.meta
  add column identity text,            -- null until it was seen, or where the role may not ask for it
  add column restores integer not null default 0 check (restores >= 0),
  add column restored_label text;      -- <n>-<random>: two restores of one backup differ
do $$
begin
  if exists (select from pg_roles r where r.rolname = 'ninefold_teg') then
    grant update (identity, restores, restored_label) on teg.meta to ninefold_teg;
  end if;
end $$;
