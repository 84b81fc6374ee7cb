/** Invites, made, listed and revoked by operators. */
import { emailKey } from '#core/base/email.ts'
import { toPage } from '#core/base/page.ts'
import { recordAct } from '../../audit/record-act.ts'
import type { RegistryContext } from '../../context.ts'
import { isFlooded, queueMail } from '../../mail/queue-mail.ts'
import { requireFuture } from '../credentials/issue-key.ts'
import { fail } from '../errors.ts'
import { afterOf, type PageWish } from '../page-wish.ts'
import { makeSecret, prefixOf, sha256Hex } from '../rules.ts'
import {
  type InviteRow,
  insertInvite,
  listInvites as listRows,
  revokeInvite as revokeRow,
} from './queries.ts'
import type { NewInvite } from './schema.ts'

/** A mail that can't be delivered in so long is given up. */
const MAIL_SECONDS = 7 * 86_400

/**
 * Makes an invite, for one use unless said otherwise. One that is bound to an address is mailed there where mail can leave.
 * @returns the invite with its code, which is shown this once
 * @throws 400 validation_failed at /expires_at
 */
export async function createInvite(ctx: RegistryContext, wish: NewInvite) {
  const expiresAt = requireFuture(ctx, wish.expires_at)
  const { email } = wish
  const isMailed = ctx.mailer.kind !== 'none'
  const reply = await ctx.once(async (tx) => {
    const code = makeSecret('nfi_', ctx.random)
    const row = await insertInvite(tx, {
      id: ctx.newId(),
      codeHash: sha256Hex(code),
      prefix: prefixOf(code),
      email: email ?? null,
      emailKey: email === undefined ? null : emailKey(email),
      usesMax: wish.max_uses ?? 1,
      createdBy: 'account' in ctx.caller ? ctx.caller.account : null,
      expiresAt,
      time: ctx.time,
    })
    if (email !== undefined && isMailed && !(await isFlooded(tx, ctx, email)))
      await queueMail(tx, ctx, { kind: 'invite', to: email, token: code, validSeconds: MAIL_SECONDS })
    await recordAct(tx, ctx, {
      act: 'invite.create',
      object: `invites/${row.id}`,
      before: null,
      after: { prefix: row.prefix, max_uses: row.uses_max },
    })
    return { ...showInvite(row), code }
  })
  ctx.wake('mail')
  return reply
}

/** Invites that are not revoked, newest first, those used up or expired among them. */
export async function listInvites(ctx: RegistryContext, page: PageWish) {
  const filters = { list: 'invites' }
  const rows = await listRows(ctx.db, afterOf(page, filters), page.limit + 1)
  return toPage(rows, page.limit, filters, (row) => [row.id], showInvite)
}

/** @throws 404 not_found */
export async function revokeInvite(ctx: RegistryContext, id: string): Promise<void> {
  await ctx.once(async (tx) => {
    if (!(await revokeRow(tx, id, ctx.time))) throw fail('not_found')
    await recordAct(tx, ctx, { act: 'invite.revoke', object: `invites/${id}`, before: null, after: null })
    return null
  })
}

const showInvite = (row: InviteRow) => ({
  id: row.id,
  prefix: row.prefix,
  email: row.email,
  max_uses: row.uses_max,
  uses: row.uses,
  created_at: row.created_at.toISOString(),
  expires_at: row.expires_at?.toISOString() ?? null,
})
