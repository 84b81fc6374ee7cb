-- The event ledger: an RFC 6962 tree over commitments, in tiles. History is append-only: triggers refuse to change it.
-- The head: one row, moved by compare-and-set together with what it covers. Made at the first start, with the log's name.
create table event_store.log_head (
  only_row boolean primary key default true check (only_row),
  origin text not null,
  size bigint not null default 0 check (size >= 0),
  root bytea not null check (length(root) = 32),
  checkpoint text not null,            -- the signed note of exactly this size and root
  updated_at timestamptz not null
);
-- Who tells events, and the number of the last one. Numbers begin at 1 and have no gaps.
create table event_store.sources (
  id integer generated always as identity primary key,
  source text not null unique,
  last_sequence bigint not null default 0 check (last_sequence >= 0)
);
-- One row an event. `entry` is what the log commits to; document and salt may be erased, the entry never.
create table event_store.entries (
  index bigint primary key check (index >= 0),
  source integer not null,
  sequence bigint not null check (sequence > 0),
  type text not null,
  entry bytea not null check (length(entry) <= 65535),
  salt bytea,
  payload bytea,                       -- the exact bytes of the CloudEvents document
  recorded_at timestamptz not null,
  constraint entries_source unique (source, sequence),
  constraint entries_payload check ((salt is null) = (payload is null))
);
-- Full tiles of 256 hashes, with the root over them, which is a hash of the tile above.
create table event_store.tiles (
  level smallint not null,
  index bigint not null,
  hashes bytea not null check (length(hashes) = 8192),
  root bytea not null check (length(root) = 32),
  primary key (level, index)
);
alter table event_store.tiles alter column hashes set storage external;
-- Documents taken out of the log: by whom and why, for ever.
create table event_store.erasures (
  index bigint primary key references event_store.entries (index),
  reason text not null,
  actor text not null,
  erased_at timestamptz not null
);
-- A number that came again with other content: evidence against its source.
create table event_store.equivocations (
  id bigint generated always as identity primary key,
  source integer not null references event_store.sources (id),
  sequence bigint not null,
  index bigint not null references event_store.entries (index),
  entry bytea not null,
  actor text not null,
  seen_at timestamptz not null,
  unique (source, sequence, entry)
);
-- Other logs that this one is a witness of: the latest checkpoint cosigned for each.
create table event_store.witnessed_logs (
  origin text primary key,
  size bigint not null check (size >= 0),
  root bytea not null,
  checkpoint text not null,
  cosigned_at timestamptz not null
);
-- The keys of log and witness, sealed when SECRET_KEY is set.
create table event_store.server_keys (
  purpose text primary key check (purpose in ('log', 'witness')),
  name text not null,
  private_key text not null,
  verifier text not null,
  created_at timestamptz not null
);

create function event_store.refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% on event_store.%: the log is append-only', tg_op, tg_table_name
    using errcode = 'restrict_violation';
end
$$;
-- A document and its salt may go when their erasure is on record; nothing else of an entry changes.
create function event_store.guard_entry() returns trigger language plpgsql as $$
begin
  if new.payload is null and new.salt is null
     and (new.index, new.source, new.sequence, new.type, new.entry, new.recorded_at)
       is not distinct from (old.index, old.source, old.sequence, old.type, old.entry, old.recorded_at)
     and exists (select 1 from event_store.erasures e where e.index = old.index) then
    return new;
  end if;
  raise exception '% on event_store.entries: the log is append-only', tg_op using errcode = 'restrict_violation';
end
$$;
-- A head or a witnessed log only grows, or is signed anew as it is.
create function event_store.guard_head() returns trigger language plpgsql as $$
begin
  if new.origin = old.origin and (new.size > old.size or (new.size = old.size and new.root = old.root)) then
    return new;
  end if;
  raise exception '% on event_store.%: a log only grows', tg_op, tg_table_name using errcode = 'restrict_violation';
end
$$;
create function event_store.guard_source() returns trigger language plpgsql as $$
begin
  if new.id = old.id and new.source = old.source and new.last_sequence >= old.last_sequence then
    return new;
  end if;
  raise exception '% on event_store.sources: a source only grows', tg_op using errcode = 'restrict_violation';
end
$$;
create trigger guard_change before update on event_store.entries
  for each row execute function event_store.guard_entry();
create trigger guard_change before update on event_store.log_head
  for each row execute function event_store.guard_head();
create trigger guard_change before update on event_store.witnessed_logs
  for each row execute function event_store.guard_head();
create trigger guard_change before update on event_store.sources
  for each row execute function event_store.guard_source();
create trigger refuse_removal before delete or truncate on event_store.entries
  for each statement execute function event_store.refuse_change();
create trigger refuse_removal before delete or truncate on event_store.log_head
  for each statement execute function event_store.refuse_change();
create trigger refuse_removal before delete or truncate on event_store.witnessed_logs
  for each statement execute function event_store.refuse_change();
create trigger refuse_removal before delete or truncate on event_store.sources
  for each statement execute function event_store.refuse_change();
create trigger refuse_change before update or delete or truncate on event_store.tiles
  for each statement execute function event_store.refuse_change();
create trigger refuse_change before update or delete or truncate on event_store.erasures
  for each statement execute function event_store.refuse_change();
create trigger refuse_change before update or delete or truncate on event_store.equivocations
  for each statement execute function event_store.refuse_change();

-- Where the operator has made this role before, the service may run as it: triggers hold even against the owner's slips,
-- and the role cannot take them away.
do $$
begin
  if exists (select 1 from pg_roles r where r.rolname = 'ninefold_event_store') then
    grant usage on schema event_store to ninefold_event_store;
    grant select on all tables in schema event_store to ninefold_event_store;
    grant insert on event_store.log_head, event_store.sources, event_store.entries, event_store.tiles,
      event_store.erasures, event_store.equivocations, event_store.witnessed_logs, event_store.server_keys
      to ninefold_event_store;
    grant update (size, root, checkpoint, updated_at) on event_store.log_head to ninefold_event_store;
    grant update (last_sequence) on event_store.sources to ninefold_event_store;
    grant update (salt, payload) on event_store.entries to ninefold_event_store;
    grant update (size, root, checkpoint, cosigned_at) on event_store.witnessed_logs to ninefold_event_store;
  end if;
end
$$;
