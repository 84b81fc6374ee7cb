-- Audits of the TEG's books against the journal: history, never changed.
create table registry.audit_reports (
  position bigint generated always as identity primary key,
  id uuid not null unique,
  actor text not null,
  status text not null check (status in ('ok', 'mismatch', 'inconclusive')),
  number bigint not null check (number >= 0),  -- of the TEG's last event that was looked at
  checks json not null,
  books json,
  fold json not null,                  -- sums over the journal up to that number, from which the next audit goes on
  note text,
  made_at timestamptz not null
);
create trigger audit_reports_kept before update or delete on registry.audit_reports
  for each row execute function registry.refuse_change();
create trigger audit_reports_not_emptied before truncate on registry.audit_reports
  for each statement execute function registry.refuse_change();
