/** Faults that the database itself makes: whoever has taken a number waits before the commit, and some commits fail. */
import type { Database } from '#core/platform/database/database.ts'

/** The words of a commit that a trigger has refused. */
export const STUMBLED = 'torture: refused at the commit'

interface Stumble {
  readonly table: string
  readonly on: 'insert' | 'update'
  /** Most milliseconds between the statement that gives a number and its commit. */
  readonly delayMs: number
  /** Share of commits that fail. */
  readonly failures: number
}

/** Where the registry gives numbers: positions of the outbox, indexes of the journal; and where the forwarder stands. */
export const registryStumbles: readonly Stumble[] = [
  { table: 'registry.outbox', on: 'insert', delayMs: 20, failures: 0.02 },
  { table: 'registry.journal_head', on: 'update', delayMs: 30, failures: 0.05 },
  { table: 'registry.forwarder', on: 'update', delayMs: 30, failures: 0.1 },
]
/** Where the EventStore does: places of the log. */
export const storeStumbles: readonly Stumble[] = [
  { table: 'event_store.log_head', on: 'update', delayMs: 30, failures: 0.05 },
]

/** Makes them: deferred triggers, so that they act at the commit, when everything is written. */
export async function armStumbles(db: Database, stumbles: readonly Stumble[]): Promise<void> {
  await db.script(`
    create schema torture;
    create function torture.stumble() returns trigger language plpgsql as $$
    begin
      perform pg_sleep(random() * tg_argv[0]::float8 / 1000);
      if random() < tg_argv[1]::float8 then raise exception '${STUMBLED}'; end if;
      return null;
    end
    $$`)
  for (const { table, on, delayMs, failures } of stumbles)
    await db.script(`create constraint trigger torture after ${on} on ${table}
      deferrable initially deferred for each row execute function torture.stumble(${delayMs}, ${failures})`)
}

/** Takes them away again. */
export const disarmStumbles = (db: Database): Promise<void> => db.script('drop schema torture cascade')
