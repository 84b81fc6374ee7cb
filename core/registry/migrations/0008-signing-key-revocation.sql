-- A revoked signing key stays as a fact; its kid may be enrolled again.
alter table registry.signing_keys add column revoked_at timestamptz;
alter table registry.signing_keys drop constraint signing_keys_kid;
create unique index signing_keys_kid on registry.signing_keys (account, kid) where revoked_at is null;
