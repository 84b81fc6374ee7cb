/** What the gate looks up by name is looked up by key, however young the ledger was when a session made its plans. */
import { expect, test } from 'vitest'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { Command } from '#core/wire/teg.ts'
import { issueToken, newAgent, redeemToken, refund, startTeg, transfer } from '#test/support/teg.ts'

const t = await startTeg()
const HISTORY = 3000

// On a server, which counts what a transaction reads.
test.skipIf(t.db.kind !== 'pg')(
  'a refund and a redemption read a few rows of the history, not all of it',
  async () => {
    const [payer, payee] = [await t.open('1000'), await t.open('1')]
    const [row] = await t.db.query<{ name: string }>('select current_database() as name')
    const url = new URL(process.env.TEST_DATABASE_URL as string)
    url.pathname = `/${row?.name}`
    // One session, so that it is the one whose plans are old; nothing makes it plan anew.
    const db = openPg({ url: url.href, max: 1 })
    try {
      for (const table of ['moves', 'accounts', 'tokens'])
        await t.db.query(`alter table teg.${table} set (autovacuum_enabled = off)`)
      const gate = openGate({ db, clock: t.clock, newId: newAgent, log: silentLog, lanes: 1 })
      const post = async (commands: readonly object[]) => gate.post(commands.map((one) => Command.parse(one)))
      const fetched = async () => {
        const [count] = await db.query<{ rows: bigint }>(
          `select (pg_stat_get_tuples_fetched(c.oid) + pg_stat_get_tuples_returned(c.oid) + coalesce(
           (select sum(pg_stat_get_tuples_returned(i.indexrelid)) from pg_index i where i.indrelid = c.oid), 0))::bigint as rows
         from (select 'teg.moves'::regclass::oid) c(oid), pg_stat_force_next_flush()`,
        )
        return count?.rows ?? 0n
      }
      const round = async () => {
        const [paid, held] = await post([transfer(payer, payee, '1'), issueToken(payer, payee, '1')])
        await fetched()
        const before = await fetched()
        const outcomes = await post([
          refund(payee, paid?.transfer?.id as string, '0.1'),
          redeemToken(payee, held?.payment?.id as string),
        ])
        expect(outcomes.map(({ ok }) => ok)).toEqual([true, true])
        await fetched()
        return Number((await fetched()) - before)
      }
      const few = await round()
      expect(few).toBeGreaterThan(0)
      for (let at = 0; at < HISTORY; at += 500)
        await post(Array.from({ length: 500 }, () => transfer(payer, payee, '0.001')))
      expect(await round()).toBeLessThan(few + 50)
    } finally {
      await db.close()
    }
  },
)
