-- What operators did: one row per act, written in the act's own transaction; history is never changed.
create table registry.audit_trail (
  position bigint generated always as identity primary key,
  id uuid not null unique,
  actor text not null,
  act text not null,                   -- settings.change, account.change, ...
  object text not null,                -- <kind>/<id or name>
  before json,                         -- values without secrets
  after json,
  request_id text not null,
  happened_at timestamptz not null
);
create index audit_trail_time on registry.audit_trail (happened_at);
create index audit_trail_object on registry.audit_trail (object, position);
create function registry.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'registry.% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger audit_trail_kept before update or delete on registry.audit_trail
  for each row execute function registry.refuse_change();
create trigger audit_trail_not_emptied before truncate on registry.audit_trail
  for each statement execute function registry.refuse_change();
