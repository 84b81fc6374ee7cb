-- Lives of the journal. After a restore from a backup its sources go on under names of their own (<source>#<label>) and count
-- from 1 again, so that no number that was told before is ever told twice. A life begins when registry.incarnation is raised.
alter table registry.incarnation
  add column reason text,              -- why it was raised; null once the life has begun
  add column identity text;            -- of the database that the rows stand in: a copy in another one is a restore
create table registry.journal_lives (
  number integer primary key check (number >= 0),
  label text not null unique,          -- empty for the first one
  first_index bigint not null check (first_index > 0),
  -- The services' counts (registry.journal_sources.sequence) when it began, and what makes a count a sourcesequence.
  registry_after bigint not null,
  registry_shift bigint not null,
  teg_after bigint not null,
  teg_shift bigint not null,
  reason text not null,
  begun_at timestamptz not null
);
insert into registry.journal_lives
select i.number, '', 1, 0, 0, 0, 0, 'the beginning', clock_timestamp() from registry.incarnation i;
create trigger journal_lives_append_only before update or delete or truncate on registry.journal_lives
  for each statement execute function registry.refuse_journal_change();
-- Rows that the EventStore could not be told under their own name and number, because both had been used in a life that the
-- restored database did not know of. They are told under these. A later life may have to say it once more.
create table registry.journal_retold (
  index bigint not null references registry.journal (index),
  life integer not null references registry.journal_lives (number),
  source text not null,
  sourcesequence bigint not null check (sourcesequence > 0),
  primary key (index, life),
  constraint journal_retold_source unique (source, sourcesequence)
);
create trigger journal_retold_append_only before update or delete or truncate on registry.journal_retold
  for each statement execute function registry.refuse_journal_change();
-- The row behind the forwarder's place whose number the EventStore holds with other content.
alter table registry.forwarder add column refused_index bigint;
