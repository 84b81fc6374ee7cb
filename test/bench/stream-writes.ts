/** A write of the registry with its outbox row against the same write without, by latency. */
import { backgroundCall } from '#core/platform/background-call.ts'
import { systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Database, Transaction } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { emitEvent } from '#core/platform/outbox.ts'
import { changeAccount } from '#core/registry/accounts/change-account.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { median, round } from './report.ts'

const WRITES = 400

/** The smallest write there can be, one row in a transaction of its own, and a command of an operator with its audit row. */
export async function measureWrites(url: string, rounds: number) {
  const db = openPg({ url, max: 4 })
  const resources = {
    db,
    coordination: openInProcess(),
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
  }
  const ctx = backgroundCall(resources, 'bench', new AbortController().signal)
  const id = crypto.randomUUID()
  await db.query(
    `insert into registry.accounts (id, email, email_key, grant_key, display_name, password_hash, created_at, updated_at)
     values ($1, 'a@x', 'a@x', 'a@x', 'A', '-', clock_timestamp(), clock_timestamp())`,
    [id],
  )
  let n = 0
  const smallest = (emits: boolean) =>
    db.transaction(async (tx) => {
      await tx.query(
        'update registry.accounts set display_name = $2, updated_at = clock_timestamp() where id = $1',
        [id, `Name ${n++}`],
      )
      if (emits)
        await emitEvent(tx, ctx, {
          type: 'account.changed',
          subject: `accounts/${id}`,
          data: { account: id, name: `Name ${n}` },
          audience: [id],
        })
    })
  const command = (emits: boolean) => {
    const once: RegistryContext['once'] = (work) =>
      db.transaction((tx) => work(emits ? tx : withoutOutbox(tx)))
    const call = { ...ctx, once, wake: () => undefined } as unknown as RegistryContext
    return changeAccount(call, id, { roles: n++ % 2 === 0 ? ['auditor'] : [] })
  }
  const small = await compareWrites(db, rounds, smallest)
  const whole = await compareWrites(db, rounds, command)
  await db.close()
  return {
    figures: {
      write_ms: small.alone,
      write_with_outbox_ms: small.with,
      command_ms: whole.alone,
      command_with_outbox_ms: whole.with,
    },
    ratios: { write_with_outbox_to_without: small.ratio, command_with_outbox_to_without: whole.ratio },
  }
}

/** A transaction that loses what it emits: the same command, as if it told nobody. */
const withoutOutbox = (tx: Transaction): Transaction => ({
  ...tx,
  later: (text, params, options) => {
    if (!text.includes('registry.outbox')) tx.later(text, params, options)
  },
})

/** Latency with and without the outbox row, turn by turn: ABBA, so that neither always comes second nor meets one state alone. */
async function compareWrites(db: Database, rounds: number, write: (emits: boolean) => Promise<unknown>) {
  const medians = { alone: [] as number[], with: [] as number[] }
  for (let turn = -1; turn < rounds; turn++) {
    const times = { alone: [] as number[], with: [] as number[] }
    for (let i = 0; i < WRITES; i++)
      for (const name of i % 2 === 0 ? (['alone', 'with'] as const) : (['with', 'alone'] as const)) {
        const started = performance.now()
        await write(name === 'with')
        times[name].push(performance.now() - started)
      }
    await db.query('delete from registry.outbox')
    if (turn < 0) continue
    for (const name of ['alone', 'with'] as const) medians[name].push(median(times[name]))
  }
  return {
    alone: round(median(medians.alone)),
    with: round(median(medians.with)),
    ratio: round(median(medians.with.map((time, i) => time / (medians.alone[i] as number)))),
  }
}
