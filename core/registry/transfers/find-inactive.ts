/** Finds the first agent that neither pays nor is paid now: the gate would refuse what is asked of it. */
import type { RegistryContext } from '../context.ts'
import { selectAgents } from './queries.ts'
import { isOpenStatus } from './rules.ts'

/** The first of the ids whose agent is suspended, retired or unknown here; null when all are active. */
export async function findInactive(ctx: RegistryContext, ids: readonly string[]): Promise<string | null> {
  const rows = await selectAgents(ctx.db, ids, [])
  return ids.find((id) => !rows.some((row) => row.id === id && isOpenStatus(row.status))) ?? null
}
