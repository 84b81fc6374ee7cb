-- Background tasks of the TEG: it uses no Redis, its singletons lease here. The same tables as in the registry; their
-- epochs have a name of their own, because teg.task_epochs keeps what was seen of the registry's tasks.
create table teg.incarnation (
  one boolean primary key default true check (one),
  number integer not null default 0 check (number >= 0)
);
insert into teg.incarnation default values;
create table teg.singleton_epochs (
  task text primary key,
  incarnation integer not null default 0,
  epoch bigint not null,
  holder text not null,
  acquired_at timestamptz not null,
  released_at timestamptz
);
create table teg.task_leases (
  name text primary key,
  token text not null,
  until timestamptz not null
);
create table teg.task_runs (
  task text not null,
  slot timestamptz not null,
  incarnation integer not null default 0,
  epoch bigint not null,
  attempt integer not null,
  holder text not null,
  trigger text not null constraint task_runs_trigger check (trigger in ('clock', 'catchup', 'manual')),
  state text not null constraint task_runs_state check (state in
    ('queued', 'running', 'completed', 'failed', 'timed_out', 'interrupted', 'cancelled', 'abandoned')),
  started_at timestamptz not null,
  finished_at timestamptz,
  counts json,
  error text,
  asked_by text,
  primary key (task, slot)
);
create index task_runs_open on teg.task_runs (task, slot) where state in ('queued', 'running', 'interrupted');
create index task_runs_success on teg.task_runs (task, slot) where state = 'completed';
create table teg.tasks (
  task text primary key,
  known_since timestamptz not null,
  last_slot timestamptz,
  missed bigint not null default 0 check (missed >= 0),
  paused_at timestamptz,
  paused_by text
);
