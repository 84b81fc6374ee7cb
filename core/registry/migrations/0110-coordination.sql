-- What instances share where there is no Redis. It may be lost at any time: a crash of the server empties it.
create unlogged table registry.rate_marks (
  key text primary key,
  --- Theoretical arrival time of the next request, in microseconds since 1970.
  at bigint not null,
  --- Whether the last request was allowed.
  allowed boolean not null
);
create unlogged table registry.cached_texts (
  key text primary key,
  value bytea not null,
  until timestamptz not null
);
