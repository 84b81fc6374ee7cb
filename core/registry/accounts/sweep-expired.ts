/** Drops what has expired: mailed links, refresh tokens, sessions, failed logins, ended mails, recorded replies. */
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryResources } from '../context.ts'
import { sweepRecords } from '../idempotency/queries.ts'
import { dropOldMails } from '../mail/forget-mails.ts'
import { sweepMailTokens } from './queries.ts'
import { FAILURE_MEMORY_SECONDS } from './rules.ts'
import { sweepFailures, sweepRefreshTokens, sweepSessions } from './sessions/queries.ts'

/** Rows of one transaction: a sweep holds no lock for long. */
const BATCH = 500
/** Batches of one call and table; what is left is for the next call. */
const ROUNDS_MAX = 40

type Sweep = (tx: Transaction, limit: number, time: Date | null) => Promise<readonly unknown[]>

const sweeps = {
  mail_tokens: sweepMailTokens,
  refresh_tokens: sweepRefreshTokens,
  sessions: sweepSessions,
  login_failures: (tx, limit, time) => sweepFailures(tx, limit, FAILURE_MEMORY_SECONDS, time),
  mails: dropOldMails,
  idempotency: sweepRecords,
} as const satisfies Record<string, Sweep>
export type Swept = Record<keyof typeof sweeps, number>

/**
 * Call it every hour or so, in one process at a time or in several: rivals only share the work.
 * @returns how many rows went, by table
 */
export async function sweepExpired(held: RegistryResources, signal?: AbortSignal): Promise<Swept> {
  const swept: [string, number][] = []
  for (const [table, sweep] of Object.entries<Sweep>(sweeps))
    swept.push([table, await sweepTable(held, sweep, signal)])
  return Object.fromEntries(swept) as Swept
}

async function sweepTable(held: RegistryResources, sweep: Sweep, signal?: AbortSignal): Promise<number> {
  let count = 0
  for (let round = 0; round < ROUNDS_MAX && !signal?.aborted; round++) {
    const gone = await held.db.transaction((tx) => sweep(tx, BATCH, held.clock.fixed))
    count += gone.length
    if (gone.length < BATCH) break
  }
  return count
}
