-- The journal: every fact of this registry in one order, numbered from 1 without gaps. Readers' cursors are its index.
create table registry.journal (
  index bigint primary key check (index > 0),
  id uuid not null,
  source text not null,                -- /registries/<name>/<service>
  sourcesequence bigint not null check (sourcesequence > 0),
  type text not null,
  subject text not null,
  time timestamptz not null,
  envelope text not null,              -- the exact bytes of the CloudEvents 1.0 document
  audience uuid[],                     -- accounts that may read it; null: everybody
  parties uuid[],                      -- agents that may read it with a key of their own
  recorded_at timestamptz not null,
  constraint journal_source unique (source, sourcesequence)
);
-- The last index given; its row serialises the relays beside their advisory lock.
create table registry.journal_head (
  only_row boolean primary key default true check (only_row),
  index bigint not null default 0 check (index >= 0)
);
insert into registry.journal_head default values;
-- Where the relay stands in each service's outbox: the last sourcesequence given (registry) or taken (teg).
create table registry.journal_sources (
  service text primary key check (service in ('registry', 'teg')),
  incarnation text,                    -- of the service's database; null until it has been seen
  sequence bigint not null default 0 check (sequence >= 0)
);
insert into registry.journal_sources (service) values ('registry'), ('teg');

create function registry.refuse_journal_change() returns trigger language plpgsql as $$
begin
  raise exception '% on registry.%: the journal is append-only', tg_op, tg_table_name
    using errcode = 'restrict_violation';
end
$$;
create trigger journal_append_only before update or delete or truncate on registry.journal
  for each statement execute function registry.refuse_journal_change();
