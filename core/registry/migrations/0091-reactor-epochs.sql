-- Each holder of a reactor's lease takes an epoch; work under an older one is refused. A parked event with `replay_at` is due again.
alter table registry.reactor_cursors
  add column epoch bigint not null default 0,
  add column holder text;
alter table registry.reactor_parked add column replay_at timestamptz;
create index reactor_parked_due on registry.reactor_parked (reactor, replay_at) where replay_at is not null;
