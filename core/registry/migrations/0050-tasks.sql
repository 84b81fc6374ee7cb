-- Who holds a background task: each acquisition takes the next epoch, and writes of older ones are refused.
create table registry.task_epochs (
  task text primary key,
  epoch bigint not null,
  holder text not null,
  acquired_at timestamptz not null,
  released_at timestamptz
);
-- Leases of the time without Redis; the epoch keeps writes right, this only keeps work from being done twice.
create table registry.task_leases (
  name text primary key,
  token text not null,
  until timestamptz not null
);
-- One row for each due time of a task: claimed by one holder, completed once.
create table registry.task_runs (
  task text not null,
  slot timestamptz not null,
  epoch bigint not null,
  attempt integer not null,
  holder text not null,
  trigger text not null constraint task_runs_trigger check (trigger in ('clock', 'manual')),
  state text not null constraint task_runs_state
    check (state in ('running', 'completed', 'failed', 'timed_out', 'interrupted')),
  started_at timestamptz not null,
  finished_at timestamptz,
  counts json,
  error text,
  primary key (task, slot)
);
