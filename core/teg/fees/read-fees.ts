/** The fee snapshot in force. */
import { formatRate } from '#core/base/amount.ts'
import type { FeeSnapshot } from '#core/wire/teg.ts'
import type { TegContext } from '../context.ts'
import { readNewestSnapshot, type SnapshotRow } from './queries.ts'

export async function readFees(ctx: TegContext): Promise<FeeSnapshot> {
  return showSnapshot(await readNewestSnapshot(ctx.db))
}

/** A row as the wire has it. */
export function showSnapshot(row: SnapshotRow): FeeSnapshot {
  return {
    id: row.id.toString(),
    settings_version: Number(row.settings_version),
    base_rate: formatRate(BigInt(row.base_ppm)),
    effective_rate: formatRate(BigInt(row.effective_ppm)),
    created_at: row.created_at.toISOString(),
  }
}
