-- The index of discovery: one row per card, local and federated alike, and the dictionary for suggestions and typos.

-- pg_trgm may stand in any schema (hosted databases have their own habits): what needs it is made by its real name.
do $do$
declare
  home text;
begin
  if not exists (select from pg_extension where extname = 'pg_trgm') then
    begin
      create extension pg_trgm with schema public;
    exception
      when insufficient_privilege then
        raise exception 'The registry needs the extension pg_trgm and its database role may not create it'
          using hint = 'Grant CREATE on the database to the role, or run as superuser: create extension pg_trgm;';
      when undefined_file or feature_not_supported then
        raise exception 'The registry needs the extension pg_trgm and this server does not have it'
          using hint = 'Install the contrib package of this PostgreSQL (the official images hold it).';
    end;
  end if;
  select n.nspname into strict home
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';

  create table registry.discovery_terms (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('word', 'tag', 'skill')),
    key text collate "C" not null,      -- folded: what a prefix is compared with
    text text not null,                 -- what is shown
    cards bigint not null               -- visible cards at the last count; a new term starts with 1
  );
  -- Not unique on purpose: publishers that meet the same new word must not wait for each other. The count removes twins.
  create index discovery_terms_key on registry.discovery_terms (key, kind);
  execute format('create index discovery_terms_similar on registry.discovery_terms using gin (key %I.gin_trgm_ops)
    where kind = ''word''', home);
  execute format('create function registry.similar_words(wanted text, most integer)
    returns table (word text, cards bigint) language sql stable parallel safe as $body$
      select t.key, max(t.cards) from registry.discovery_terms t
      where t.kind = ''word'' and t.cards > 0 and t.key operator(%I.%%) wanted
      group by t.key order by max(%I.similarity(t.key, wanted)) desc, t.key limit most
    $body$', home, home);
end
$do$;

-- Great-circle distance in km (haversine, the radius of core/base/geo.ts). Inlined by the planner.
create function registry.distance_km(lat1 double precision, lon1 double precision,
                                     lat2 double precision, lon2 double precision)
returns double precision language sql immutable strict parallel safe
return 2 * 6371.0088 * asin(least(1, sqrt(
  power(sin(radians(lat2 - lat1) / 2), 2)
  + cos(radians(lat1)) * cos(radians(lat2)) * power(sin(radians(lon2 - lon1) / 2), 2))));

create table registry.discovery_cards (
  did text collate "C" primary key,
  agent uuid unique,                    -- the local id; null for cards of other registries
  envelope text not null,               -- JSON as served, key order kept
  owner text,
  name text not null,
  name_key text collate "C" not null,   -- folded, for suggestions
  status text not null,
  sequence bigint not null,             -- the origin's, per agent: an older envelope never replaces a newer one
  search tsvector not null,             -- A name; B skills, tags, examples; C description; words folded by rules.ts
  tags text[] not null,
  skills text[] not null,               -- ids as published
  skill_names text[] not null,          -- names as published
  skill_keys text[] not null,           -- ids and names, lower case
  input_modes text[] not null,
  output_modes text[] not null,
  bindings text[] not null,
  provider text,
  provider_key text,
  signature_status text not null,
  origin_registry text collate "C" not null,
  country text,
  latitude double precision,
  longitude double precision,
  geohash bigint,                       -- 52 bits, see core/base/geo.ts
  reputation numeric check (reputation between 0 and 100),   -- percentile; null: no evidence yet
  completeness double precision not null check (completeness between 0 and 1),
  -- The order in which candidates are taken before they are ranked. No reputation yet counts as the middle.
  quality double precision not null generated always as (
    (0.6 * coalesce(reputation, 50)::double precision / 100
     + 0.2 * case signature_status when 'verified' then 1.0 when 'unsigned' then 0.5 else 0.0 end
     + 0.2 * completeness) * case status when 'active' then 1.0 else 0.5 end) stored,
  updated_at timestamptz not null,      -- the envelope's, in milliseconds
  indexed_at timestamptz not null,
  visible boolean not null
);
create index discovery_search on registry.discovery_cards using gin (search) where visible;
create index discovery_tags on registry.discovery_cards using gin (tags) where visible;
create index discovery_skills on registry.discovery_cards using gin (skill_keys) where visible;
create index discovery_quality on registry.discovery_cards (quality desc, did) where visible;
create index discovery_standing on registry.discovery_cards ((coalesce(reputation, 50)) desc, did) where visible;
create index discovery_newest on registry.discovery_cards (updated_at desc, did desc) where visible;
create index discovery_geohash on registry.discovery_cards (geohash) where visible;
create index discovery_origin on registry.discovery_cards (origin_registry, did) where visible;
create index discovery_provider on registry.discovery_cards (provider_key) where visible;
create index discovery_country on registry.discovery_cards (country, quality desc, did) where visible;
create index discovery_name on registry.discovery_cards (name_key) where visible;
