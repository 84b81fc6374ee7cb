-- Cursors of the reactors: moved in the transaction of the effect. `attempts` counts failures of the event after the cursor.
create table registry.reactor_cursors (
  reactor text primary key,
  index bigint not null default 0 check (index >= 0),
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  updated_at timestamptz not null
);
-- Events that a reactor has given up on, with the error; kept until somebody deals with them.
create table registry.reactor_parked (
  reactor text not null,
  index bigint not null references registry.journal (index),
  error text not null,
  attempts integer not null,
  parked_at timestamptz not null,
  primary key (reactor, index)
);
