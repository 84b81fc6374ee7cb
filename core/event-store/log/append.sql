-- Appends a group: everything hangs on the head being what the group was made for. A function, because its plans are kept
-- with the connection: planning would cost as much as the work. False: another process has moved the head, and nothing
-- was written. Bytes of all rows stand one behind the other; ends tell where each row's are over.
-- A document stands behind its salt of 16 bytes.
create or replace function event_store.append_group(
  before_size bigint, before_root bytea, after_size bigint, after_root bytea, new_checkpoint text, moment timestamptz,
  row_sources integer[], row_sequences bigint[], row_types text[], row_entries bytea, entry_ends integer[],
  row_salted bytea, salted_ends integer[],
  moved_sources integer[], moved_last bigint[],
  tile_levels smallint[], tile_indexes bigint[], tile_hashes bytea, tile_roots bytea
) returns boolean language plpgsql as $$
declare
  recorded timestamptz;
begin
  update event_store.log_head h set size = after_size, root = after_root, checkpoint = new_checkpoint,
    updated_at = coalesce(moment, clock_timestamp())
  where h.size = before_size and h.root = before_root returning h.updated_at into recorded;
  if not found then
    return false;
  end if;
  insert into event_store.entries (index, source, sequence, type, entry, salt, payload, recorded_at)
  select before_size + e.place - 1, e.source, e.sequence, e.type,
    substring(row_entries from e.entry_start + 1 for e.entry_end - e.entry_start),
    substring(row_salted from e.salted_start + 1 for 16),
    substring(row_salted from e.salted_start + 17 for e.salted_end - e.salted_start - 16), recorded
  from unnest(row_sources, row_sequences, row_types, 0 || entry_ends, entry_ends, 0 || salted_ends, salted_ends)
    with ordinality as e(source, sequence, type, entry_start, entry_end, salted_start, salted_end, place)
  where e.source is not null;
  update event_store.sources s set last_sequence = m.last
  from unnest(moved_sources, moved_last) m(id, last) where s.id = m.id;
  if cardinality(tile_levels) > 0 then
    insert into event_store.tiles (level, index, hashes, root)
    select t.level, t.index, substring(tile_hashes from (t.place::integer - 1) * 8192 + 1 for 8192),
      substring(tile_roots from (t.place::integer - 1) * 32 + 1 for 32)
    from unnest(tile_levels, tile_indexes) with ordinality as t(level, index, place);
  end if;
  return true;
end
$$;
