-- Emission policies: each change is a whole new set; the newest is in force. Version 0 stands for "no policy at all".
create table registry.policy_sets (
  version bigint primary key check (version > 0),
  policies json not null,
  actor text not null,
  created_at timestamptz not null
);
create function registry.refuse_policy_change() returns trigger language plpgsql as $$
begin
  raise exception '% on registry.%: the sets of policies are history', tg_op, tg_table_name
    using errcode = 'restrict_violation';
end
$$;
create trigger policy_sets_append_only before update or delete or truncate on registry.policy_sets
  for each statement execute function registry.refuse_policy_change();

-- Where an event goes: 1 ledger, 2 webhooks, 4 live stream. Reactors of this registry read every row.
alter table registry.journal add column targets smallint not null default 7 check (targets between 0 and 7);
