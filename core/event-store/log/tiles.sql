-- The hashes of tiles as far as they exist: full ones as they are kept, partial ones from the roots of the level below or
-- from the entries. A function, so that its plan is kept with the connection.
create or replace function event_store.read_tiles(levels smallint[], indexes bigint[])
returns table (level smallint, index bigint, hashes bytea) language plpgsql stable as $$
begin
  return query
    select k.level, k.index, coalesce(
      (select t.hashes from event_store.tiles t where t.level = k.level and t.index = k.index),
      case when k.level > 0 then
        (select string_agg(t.root, ''::bytea order by t.index) from event_store.tiles t
         where t.level = k.level - 1 and t.index >= k.index * 256 and t.index < k.index * 256 + 256)
      else
        (select string_agg(sha256('\x00'::bytea || e.entry), ''::bytea order by e.index) from event_store.entries e
         where e.index >= k.index * 256 and e.index < k.index * 256 + 256)
      end)
    from unnest(levels, indexes) k(level, index);
end
$$;
