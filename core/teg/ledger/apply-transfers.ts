/** The gate's short way in Node: a batch of plain transfers in fewer, shorter words. plain.sql says what it must be equal to. */
import { formatAmount, formatRate } from '#core/base/amount.ts'
import { type Database, violates } from '#core/platform/database/database.ts'
import type { Outcome } from '#core/wire/teg.ts'
import type { DigestKey } from './digest-key.ts'
import { encodeTransfers, type PlainBatch, type PlainTransfer } from './encode-transfers.ts'
import { applyPlain, type PlainRow } from './queries.ts'
import { idMakerOf } from './rules.ts'

/** Dids remembered by a process, which never change; the oldest are forgotten beyond it. */
const REMEMBERED_MAX = 100_000
/** Batches that take the long way after a known key: repeats come in swarms, and each costs a batch that is done twice. */
const DETOUR_MIN = 8
const DETOUR_MAX = 256

/** Runs plain transfers as one batch; null: the long way must be taken, and nothing has happened. */
export type ShortWay = (
  db: Database,
  time: Date | null,
  commands: readonly PlainTransfer[],
  digestKey: DigestKey,
) => Promise<Outcome[] | null>

/** Makes the short way of a gate. */
export function makeShortWay(): ShortWay {
  const dids = new Map<string, string>()
  let detour = 0
  let nextDetour = DETOUR_MIN

  return async (db, time, commands, digestKey) => {
    if (detour > 0) {
      detour--
      return null
    }
    const batch = encodeTransfers(commands, digestKey)
    if (batch === null) return null
    // Kept apart from the memory: another lane may make it forget while this batch runs.
    const names = batch.accounts.map((account) => dids.get(account))
    const unnamed = names.flatMap((name, i) => (name === undefined ? i + 1 : []))
    try {
      const row = await applyPlain(db, time, batch, unnamed)
      if (row.o_base === null) return null
      nextDetour = Math.max(DETOUR_MIN, nextDetour >> 1)
      for (const [i, place] of unnamed.entries()) {
        const did = row.o_dids?.[i] as string
        names[place - 1] = did
        dids.set(batch.accounts[place - 1] as string, did)
      }
      forgetOldest(dids)
      return showOutcomes(commands, batch, row, names as string[])
    } catch (error) {
      if (!violates(error, 'moves_idem')) throw error
      detour = nextDetour
      nextDetour = Math.min(DETOUR_MAX, nextDetour * 2)
      return null
    }
  }
}

const heldOf = (text: string | undefined): bigint =>
  text === undefined || text === 'NULL' ? 0n : BigInt(text)

function forgetOldest(dids: Map<string, string>): void {
  for (const id of dids.keys()) {
    if (dids.size <= REMEMBERED_MAX) return
    dids.delete(id)
  }
}

function showOutcomes(
  commands: readonly PlainTransfer[],
  batch: PlainBatch,
  row: PlainRow,
  names: readonly string[],
): Outcome[] {
  const fees = row.o_fee.slice(1, -1).split(',')
  const balances = row.o_balance.slice(1, -1).split(',')
  const held = row.o_held?.slice(1, -1).split(',')
  const idAt = idMakerOf(row.o_base as bigint, row.o_at)
  const time = row.o_at.toISOString()
  const rate = formatRate(BigInt(row.o_ppm))
  return commands.map((command, i): Outcome => {
    const code = row.o_code?.[i]
    if (code) {
      const error = { code, detail: row.o_detail?.[i] as string }
      return { ok: false, replayed: false, transfer: null, error }
    }
    const { from_agent, to_agent, amount, memo, reference } = command
    const fee = BigInt(fees[i] as string)
    const transfer = {
      id: idAt(i),
      status: 'completed' as const,
      route: 'local' as const,
      from_agent,
      from_did: names[(batch.from[i] as number) - 1] as string,
      to_agent,
      to_did: names[(batch.to[i] as number) - 1] as string,
      amount: formatAmount(amount),
      fee: formatAmount(fee),
      net: formatAmount(amount - fee),
      fee_rate: rate,
      memo,
      reference,
      failure_code: null,
      refund_of: null,
      created_at: time,
      completed_at: time,
      balance_after: formatAmount(BigInt(balances[i] as string) - heldOf(held?.[i])),
    }
    return { ok: true, replayed: false, transfer, error: null }
  })
}
