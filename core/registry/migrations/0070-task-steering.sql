-- Which life of this database it is: a restore raises it, so that epochs of the time before stay lower ones.
create table registry.incarnation (
  one boolean primary key default true check (one),
  number integer not null default 0 check (number >= 0)
);
insert into registry.incarnation default values;
-- An epoch is the pair (incarnation, epoch), compared in this order.
alter table registry.task_epochs add column incarnation integer not null default 0;
alter table registry.task_runs add column incarnation integer not null default 0, add column asked_by text;
alter table registry.task_runs drop constraint task_runs_trigger, drop constraint task_runs_state;
alter table registry.task_runs
  add constraint task_runs_trigger check (trigger in ('clock', 'catchup', 'manual')),
  add constraint task_runs_state check (state in
    ('queued', 'running', 'completed', 'failed', 'timed_out', 'interrupted', 'cancelled', 'abandoned'));
-- What a new holder may have to finish.
create index task_runs_open on registry.task_runs (task, slot) where state in ('queued', 'running', 'interrupted');
create index task_runs_success on registry.task_runs (task, slot) where state = 'completed';
-- What is known of a task beside its runs: it outlives processes and is the same for all of them.
create table registry.tasks (
  task text primary key,
  known_since timestamptz not null,    -- due times before it are nobody's
  last_slot timestamptz,               -- the last due time that was run or passed over
  missed bigint not null default 0 check (missed >= 0),
  paused_at timestamptz,
  paused_by text
);
insert into registry.tasks (task, known_since, last_slot)
select e.task, coalesce(min(r.slot), e.acquired_at), max(r.slot)
from registry.task_epochs e left join registry.task_runs r on r.task = e.task group by e.task, e.acquired_at;
