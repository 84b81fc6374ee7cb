-- A search reads the words of up to a thousand cards but the envelopes of one page only: words stay in the row,
-- unpacked; envelopes leave it first. Only rows written from now on are laid out so.
alter table registry.discovery_cards
  alter column search set storage main,
  alter column envelope set storage external;
