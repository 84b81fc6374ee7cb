/** The statement of the gate's short way (plain.sql). */
import type { Queryable } from '#core/platform/database/database.ts'
import { packBigints, packIntegers, packUuids, packWholes } from '#core/platform/database/packed-array.ts'
import type { PlainBatch } from './encode-transfers.ts'
import { foreseeNothing } from './foresee-transfers.ts'

/** What the short way gives for a whole batch; lists of numbers as PostgreSQL writes them. */
export interface PlainRow {
  /** The number of the first; null: an account is not there, and nothing was done. */
  o_base: bigint | null
  o_at: Date
  o_snapshot: bigint
  o_ppm: number
  /** By account; null: none has any. */
  o_held: string | null
  /** By account, where all went as foreseen; null: what follows tells of each transfer. */
  o_after: string | null
  o_fee: string
  o_balance: string
  o_code: (string | null)[] | null
  o_detail: (string | null)[] | null
  o_dids: string[] | null
}

/** Runs plain transfers through the gate: one statement, committed when it returns. */
export async function applyPlain(
  db: Queryable,
  time: Date | null,
  byTime: boolean,
  batch: PlainBatch,
  unnamed: readonly number[],
): Promise<PlainRow> {
  const { accounts, from, to, amount, idem, hash, memo, reference, rate } = batch
  const seen = batch.foresight ?? foreseeNothing(accounts.length)
  const rows = await db.query<PlainRow>(
    `select p.o_base, p.o_at, p.o_snapshot, p.o_ppm, p.o_held::text, p.o_after::text, p.o_fee::text, p.o_balance::text,
       p.o_code, p.o_detail, p.o_dids
     from teg.apply_transfers($1::timestamptz, $2::boolean, $3::bigint, $4::integer, $5::uuid[], $6::bigint[], $7::bigint[],
       $8::integer[], $9::bigint[], $10::bigint[], $11::integer[], $12::integer[], $13::bigint[], $14::bigint[], $15::uuid[],
       $16::bigint[], $17::text[], $18::text[], $19::bigint[], $20::bigint[], $21::integer[], $22::integer[], $23::integer[],
       $24::integer[], $25::integer[]) p`,
    [
      time,
      byTime,
      rate?.snapshot ?? null,
      rate?.ppm ?? null,
      packUuids(accounts),
      packWholes(seen.gain),
      packWholes(seen.need),
      packIntegers(seen.legs),
      packWholes(seen.lastOut),
      packWholes(seen.lastIn),
      packIntegers(from),
      packIntegers(to),
      packBigints(amount),
      packWholes(seen.fee),
      packUuids(idem),
      packBigints(hash),
      memo,
      reference,
      packWholes(seen.fromLater),
      packWholes(seen.toLater),
      packIntegers(seen.fromAfter),
      packIntegers(seen.toAfter),
      packIntegers(seen.fromPrev),
      packIntegers(seen.toPrev),
      packIntegers(unnamed),
    ],
    { keep: 'apply_transfers' },
  )
  return rows[0] as PlainRow
}
