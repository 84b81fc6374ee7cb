-- What the database itself refuses, its owner included; what the TEG's role may call at all stands in roles.sql.
-- Movements that create or destroy AVT, in the same words as their deltas: only with minting authority.
create function teg.guard_moves() returns trigger language plpgsql as $$
begin
  if not coalesce((select m.minting from teg.meta m), false) then
    raise exception 'teg.moves: this TEG has no minting authority' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger guard_supply before insert on teg.moves
  for each row when (new.kind in ('mint', 'burn')) execute function teg.guard_moves();

-- To delete deltas is to fold them: what goes there is added here, whoever deletes, and there is no other way in. So the sum
-- of both tables, which is what every reader tells, stays.
create function teg.fold_gone() returns trigger language plpgsql as $$
begin
  insert into teg.system_accounts as s (account, balance, credited)
  select g.account, sum(g.amount), coalesce(sum(g.amount) filter (where g.amount > 0 and not g.minted), 0)
  from gone g group by g.account order by g.account
  on conflict (account) do update
  set balance = s.balance + excluded.balance, credited = s.credited + excluded.credited;
  return null;
end $$;
create trigger fold_gone after delete on teg.system_deltas referencing old table as gone
  for each statement execute function teg.fold_gone();
create trigger refuse_truncate before truncate on teg.system_deltas
  for each statement execute function teg.refuse_change();
create function teg.refuse_direct() returns trigger language plpgsql as $$
begin
  raise exception 'teg.% is history: it changes by folding deltas only', tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger refuse_direct before insert or update on teg.system_accounts
  for each statement when (pg_trigger_depth() = 0) execute function teg.refuse_direct();

create trigger refuse_truncate before truncate on teg.meta for each statement execute function teg.refuse_change();

-- What was seen of the registry's tasks: an older holder is refused for ever.
create function teg.keep_epoch() returns trigger language plpgsql as $$
begin
  raise exception 'teg.task_epochs is history: an epoch is never lowered' using errcode = 'insufficient_privilege';
end $$;
create trigger keep_epoch before update on teg.task_epochs for each row
  when (new.task <> old.task or (new.incarnation, new.epoch) < (old.incarnation, old.epoch)) execute function teg.keep_epoch();
create trigger refuse_delete before delete on teg.task_epochs for each row execute function teg.refuse_change();
create trigger refuse_truncate before truncate on teg.task_epochs for each statement execute function teg.refuse_change();
