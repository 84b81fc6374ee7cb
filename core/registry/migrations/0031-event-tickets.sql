-- Single-use tickets that open a WebSocket: the credential that asked, sealed with the ticket, which only its owner holds.
create table registry.event_tickets (
  ticket_hash bytea primary key,
  sealed_credential text not null,
  expires_at timestamptz not null
);
create index event_tickets_expiry on registry.event_tickets (expires_at);
