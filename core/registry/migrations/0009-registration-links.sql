-- A link that verifies an address confirms one registration: its password and name count, whoever registered later.
alter table registry.mail_tokens
  add column password_hash text,       -- null: the link was asked for again, the account stays as it is
  add column display_name text;
