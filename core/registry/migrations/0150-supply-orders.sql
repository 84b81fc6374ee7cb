-- Orders to mint and burn that are on their way to the TEG: who gave them, until the act stands in the audit trail. A queue, not
-- history. `hash` covers operation and fields: an order is its key and its hash, and who repeats it has a row of its own.
create table registry.supply_orders (
  id uuid primary key,
  op text not null check (op in ('mint', 'burn')),
  key text not null,
  hash text not null,
  memo text,
  actor text not null,
  request_id text not null,
  ordered_at timestamptz not null
);
create index supply_orders_key on registry.supply_orders (key, hash);
create index supply_orders_time on registry.supply_orders (ordered_at);
