/** Statements about how a database plans. */
import type { Transaction } from './database.ts'

/**
 * Turns the compiler of plans off for a database of ours, where nobody has set it and we own the database. Our statements take
 * a millisecond or less, and a look-up that is estimated too high would be compiled for forty. It is set for the database,
 * since a session's own state does not get through pgbouncer; the session at hand began before it.
 */
export const forgoJit = (tx: Transaction) =>
  tx.query(
    `do $$
     begin
       if current_setting('jit', true) is distinct from 'on' then
         return;
       end if;
       perform pg_advisory_xact_lock(hashtext('forgo_jit'));  -- services that share a database come at once
       if not exists (
           select from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase
           where d.datname = current_database() and exists (select from unnest(s.setconfig) c where c like 'jit=%')) then
         execute format('alter database %I set jit = off', current_database());
         perform set_config('jit', 'off', false);
       end if;
     exception when insufficient_privilege then
       null;  -- it is another's database: its planner is not ours to steer
     end $$`,
  )
