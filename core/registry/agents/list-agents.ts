/** Lists agents, newest first: everybody's that are visible, or all of the caller's own. */
import { coversScope } from '#core/base/caller.ts'
import { fail as commonFail } from '#core/base/errors.ts'
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { listAgents } from './queries.ts'
import type { Envelope } from './schema.ts'
import { toEnvelope } from './to-envelope.ts'

const KEYS = [/^[0-9]{1,17}$/, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/]

/** `mine` needs a developer (401, 403) and shows suspended and retired agents too. */
export async function readAgents(
  ctx: RegistryContext,
  query: { mine: boolean; limit: number; cursor?: string | undefined },
): Promise<Page<Envelope>> {
  const owner = query.mine ? requireSelf(ctx) : null
  const filters = { owner: owner ?? undefined }
  const [time, id] = query.cursor ? decodeCursor(query.cursor, filters, KEYS) : []
  const rows = await listAgents(ctx.db, {
    owner,
    visibleOnly: !query.mine,
    before: time !== undefined && id !== undefined ? { time, id } : null,
    limit: query.limit + 1,
  })
  return toPage(rows, query.limit, filters, (row) => [row.created_key, row.id], toEnvelope)
}

function requireSelf(ctx: RegistryContext): string {
  const { caller } = ctx
  if (caller.kind === 'anonymous')
    throw commonFail('unauthenticated', 'mine=true needs a developer session or developer API key (nfk_).')
  if (caller.kind !== 'developer')
    throw commonFail('insufficient_scope', 'mine=true needs a developer session or developer API key (nfk_).')
  if (!coversScope(caller.scopes, 'agents:read'))
    throw commonFail('insufficient_scope', 'The key does not have the scope agents:read.')
  return caller.account
}
