-- An operator's word that the TEG's database was restored; the relay takes it as the reason of a new life, and drops it then.
alter table registry.journal_sources add column restored_reason text;
