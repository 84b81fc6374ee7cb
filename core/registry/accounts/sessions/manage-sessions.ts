/** A developer's sessions: listed, shown, ended. A session's access tokens end with it, because each use looks it up. */
import { toPage } from '#core/base/page.ts'
import type { RegistryContext } from '../../context.ts'
import { fail } from '../errors.ts'
import { afterOf, type PageWish } from '../page-wish.ts'
import { requireDeveloper } from '../require-developer.ts'
import {
  findSession,
  listSessions as listRows,
  revokeSession,
  revokeSessions,
  type SessionRow,
} from './queries.ts'

/** Living sessions, newest first. */
export async function listSessions(ctx: RegistryContext, page: PageWish) {
  const { account, session } = requireDeveloper(ctx)
  const filters = { list: 'sessions', account }
  const rows = await listRows(ctx.db, account, afterOf(page, filters), page.limit + 1, ctx.time)
  return toPage(
    rows,
    page.limit,
    filters,
    (row) => [row.id],
    (row) => showSession(row, session),
  )
}

/** @throws 404 not_found when it is not alive or not yours */
export async function readSession(ctx: RegistryContext, id: string) {
  const { account, session } = requireDeveloper(ctx)
  const row = await findSession(ctx.db, account, id, ctx.time)
  if (!row) throw fail('not_found')
  return showSession(row, session)
}

/** @throws 404 not_found when it is not alive or not yours */
export async function endSession(ctx: RegistryContext, id: string): Promise<void> {
  const { account } = requireDeveloper(ctx)
  await ctx.once(async (tx) => {
    const row = await findSession(tx, account, id, ctx.time)
    if (!row || !(await revokeSession(tx, id, ctx.time))) throw fail('not_found')
    return null
  })
}

/** Ends all sessions, the caller's own too. */
export async function endAllSessions(ctx: RegistryContext): Promise<void> {
  const { account } = requireDeveloper(ctx)
  await ctx.once(async (tx) => {
    await revokeSessions(tx, account, null, ctx.time)
    return null
  })
}

const showSession = (row: SessionRow, own: string | null) => ({
  id: row.id,
  current: row.id === own,
  address: row.address,
  user_agent: row.user_agent,
  created_at: row.created_at.toISOString(),
  last_used_at: row.last_used_at.toISOString(),
  expires_at: row.expires_at.toISOString(),
})
