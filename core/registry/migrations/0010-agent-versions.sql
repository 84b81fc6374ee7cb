-- Every card that an agent ever had, by the envelope sequence that published it; never changed, never deleted.
create table registry.agent_versions (
  agent uuid not null references registry.agents (id),
  sequence bigint not null check (sequence > 0),
  card_text text not null,
  card_original text,
  card_etag text not null,
  card_digest text not null,
  card_version text not null,
  signature_status text not null,
  signature_form text,
  signature_kid text,
  created_at timestamptz not null,
  primary key (agent, sequence)
);
