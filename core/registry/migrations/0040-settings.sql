-- Settings that operators have set; a name without a row has its value from the environment, else the default.
create table registry.settings (
  name text primary key,
  value text not null,                 -- canonical text: "0.005", "1000", "true", "60"
  actor text not null,
  changed_at timestamptz not null
);
-- One row: the version that each change raises, and the fee rate that it stands for at the TEG.
create table registry.settings_state (
  one boolean primary key default true check (one),
  version bigint not null check (version >= 0),
  fee_rate text                        -- null until the first posting to the TEG
);
insert into registry.settings_state (version) values (0);
