/** Finds agents by id or did. What never changes is remembered in the process: id, did, owner, and that its account is open. */
import { isUuid } from '#core/base/ids.ts'
import type { Config } from '#core/platform/config.ts'
import type { RegistryContext } from '../context.ts'
import { type AgentRow, selectAgents } from './queries.ts'
import type { KnownAgent } from './rules.ts'

/** Agents remembered by a process; the oldest are forgotten beyond it. */
const REMEMBERED_MAX = 100_000

const memories = new WeakMap<Config, Map<string, KnownAgent>>()

/** An agent found: remembered ones have an open account; the others come with their row. */
export type FoundAgent = KnownAgent & { readonly unopened?: AgentRow }

/** The agents that the references name; a reference that names nothing here is absent from the map. */
export async function findAgents(
  ctx: Pick<RegistryContext, 'db' | 'config'>,
  refs: readonly string[],
): Promise<Map<string, FoundAgent>> {
  const memory = memoryOf(ctx.config)
  const found = new Map<string, FoundAgent>()
  const missing: string[] = []
  for (const ref of new Set(refs)) {
    const known = memory.get(ref)
    if (known) found.set(ref, known)
    else missing.push(ref)
  }
  if (missing.length === 0) return found
  const wanted = new Set(missing)
  const rows = await selectAgents(
    ctx.db,
    missing.filter(isUuid),
    missing.filter((ref) => !isUuid(ref)),
  )
  for (const row of rows) {
    const known: KnownAgent = { id: row.id, did: row.did, owner: row.owner }
    for (const ref of [row.id, row.did]) {
      if (row.opened) remember(memory, ref, known)
      if (wanted.has(ref)) found.set(ref, row.opened ? known : { ...known, unopened: row })
    }
  }
  return found
}

/** Remembers agents whose accounts the TEG has just opened: their rows may tell it later. */
export function rememberOpened(ctx: Pick<RegistryContext, 'config'>, agents: Iterable<FoundAgent>): void {
  const memory = memoryOf(ctx.config)
  for (const { id, did, owner } of agents)
    for (const ref of [id, did]) remember(memory, ref, { id, did, owner })
}

function memoryOf(config: Config): Map<string, KnownAgent> {
  const held = memories.get(config) ?? new Map<string, KnownAgent>()
  memories.set(config, held)
  return held
}

function remember(memory: Map<string, KnownAgent>, ref: string, agent: KnownAgent): void {
  if (memory.size >= REMEMBERED_MAX) memory.delete(memory.keys().next().value as string)
  memory.set(ref, agent)
}
