/** The gate's short way in Node: a batch of plain transfers in fewer, shorter words. plain.sql says what it must be equal to. */
import { formatAmount, formatRate } from '#core/base/amount.ts'
import { type Database, violates } from '#core/platform/database/database.ts'
import type { Outcome } from '#core/wire/teg.ts'
import type { DigestKey } from './digest-key.ts'
import { encodeTransfers, type PlainBatch, type PlainTransfer } from './encode-transfers.ts'
import type { Foresight, KnownRate } from './foresee-transfers.ts'
import { applyPlain, type PlainRow } from './plain-queries.ts'
import { idMakerOf } from './rules.ts'

/** Dids remembered by a process, which never change; the oldest are forgotten beyond it. */
const REMEMBERED_MAX = 100_000
/** SQLSTATE of a batch of which more must be looked at than the short way does: a payer has holds that are due. */
const LOOK_CLOSER = 'NF002'
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
  let rate: KnownRate | undefined

  return async (db, time, commands, digestKey) => {
    if (detour > 0) {
      detour--
      return null
    }
    const batch = encodeTransfers(commands, digestKey, rate)
    if (batch === null) return null
    // Kept apart from the memory: another lane may make it forget while this batch runs.
    const names = batch.accounts.map((account) => dids.get(account))
    const unnamed = names.flatMap((name, i) => (name === undefined ? i + 1 : []))
    try {
      const row = await applyPlain(db, time, digestKey.byTime, batch, unnamed)
      if (row.o_base === null) return null
      rate = { snapshot: row.o_snapshot, ppm: row.o_ppm }
      nextDetour = Math.max(DETOUR_MIN, nextDetour >> 1)
      for (const [i, place] of unnamed.entries()) {
        const did = row.o_dids?.[i] as string
        names[place - 1] = did
        dids.set(batch.accounts[place - 1] as string, did)
      }
      forgetOldest(dids)
      return showOutcomes(commands, batch, row, names as string[])
    } catch (error) {
      if ((error as { code?: string }).code === LOOK_CLOSER) return null
      if (!violates(error, 'moves_idem')) throw error
      detour = nextDetour
      nextDetour = Math.min(DETOUR_MAX, nextDetour * 2)
      return null
    }
  }
}

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
  const tell = tellerOf(batch, row)
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
    const { fee, available } = tell(i)
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
      balance_after: formatAmount(available),
    }
    return { ok: true, replayed: false, transfer, error: null }
  })
}

type Teller = (i: number) => { fee: bigint; available: bigint }

/** Tells of a transfer that was not refused what was taken of it and what its payer had left. */
function tellerOf(batch: PlainBatch, row: PlainRow): Teller {
  const held = listOf(row.o_held)
  const payerOf = (i: number) => (batch.from[i] as number) - 1
  if (row.o_after === null) {
    const fees = listOf(row.o_fee)
    const balances = listOf(row.o_balance)
    return (i) => ({ fee: numberAt(fees, i), available: numberAt(balances, i) - numberAt(held, payerOf(i)) })
  }
  const { fee, fromLater } = batch.foresight as Foresight
  const after = listOf(row.o_after)
  return (i) => {
    const balance = numberAt(after, payerOf(i)) - BigInt(fromLater[i] as number)
    return { fee: BigInt(fee[i] as number), available: balance - numberAt(held, payerOf(i)) }
  }
}

const listOf = (text: string | null): string[] => text?.slice(1, -1).split(',') ?? []

/** 0 where there is none. */
const numberAt = (list: readonly string[], i: number): bigint => BigInt(list[i] ?? 0)
