/** Publishes an agent: the row, its first version, its place in discovery, the event and the grant due commit together. */
import { fail as commonFail } from '#core/base/errors.ts'
import type { Transaction } from '#core/platform/database/database.ts'
import type { RegistryContext } from '../context.ts'
import { readSettings } from '../settings/read-settings.ts'
import { fail } from './errors.ts'
import { type TakenCard, takeCard } from './judge-card.ts'
import { announce, signRow } from './keep-change.ts'
import { openAccount } from './open-account.ts'
import {
  type AgentRow,
  holdActiveOwner,
  insertAgent,
  insertGrantDue,
  insertVersion,
  isSlugFree,
  readTime,
} from './queries.ts'
import { didOf, slugCandidates } from './rules.ts'
import type { Envelope } from './schema.ts'

export interface Publication {
  readonly card?: unknown
  readonly slug?: string | undefined
}

/**
 * @returns the envelope; its account at the TEG is open, or will be by the sweep
 * @throws 400 validation_failed, 401 unauthenticated when the account is gone meanwhile, 403 email_not_verified, 409 slug_taken, 413 payload_too_large
 */
export async function publishAgent(ctx: RegistryContext, asked: Publication): Promise<Envelope> {
  const { caller } = ctx
  if (caller.kind !== 'developer') throw new Error('the row lets developers in only')
  if (!caller.emailVerified)
    throw fail(
      'email_not_verified',
      'Open the link in the mail first; POST /auth/verify-email/resend sends it again.',
    )
  const taken = await takeCard(ctx, asked.card, caller.account)
  const envelope = await ctx.once(async (tx) => {
    // The account may have been deleted since its credential was read: an agent without owner could never be retired.
    if (!(await holdActiveOwner(tx, caller.account)))
      throw commonFail('unauthenticated', 'The account of this credential has been deleted or suspended.')
    const row = await insertPublished(tx, ctx, taken, caller.account, asked.slug)
    await insertVersion(tx, row)
    const amount = await genesisAmount(tx, ctx)
    if (amount > 0n)
      await insertGrantDue(tx, { developer: row.owner, agent: row.id, amount, time: row.created_at })
    return announce(tx, ctx, row, 'agent.published')
  })
  ctx.wake('relay')
  await openAccount(ctx, envelope)
  ctx.wake('grants')
  return envelope
}

/** Micro-AVT of a genesis grant, as the operator's settings have it now; 0: none. */
async function genesisAmount(tx: Transaction, ctx: RegistryContext): Promise<bigint> {
  const settings = await readSettings(ctx, tx)
  return settings.genesis_grant_enabled ? settings.genesis_grant_amount : 0n
}

/** A slug that was asked for must be free; a derived one is tried with endings. */
async function insertPublished(
  tx: Transaction,
  ctx: RegistryContext,
  taken: TakenCard,
  owner: string,
  slug: string | undefined,
): Promise<AgentRow> {
  const { name, ...facts } = taken
  const id = ctx.newId()
  const time = await readTime(tx, ctx.time)
  const candidates = slug === undefined ? slugCandidates(name, ctx.random(4)) : [slug]
  for (const candidate of candidates) {
    if (!(await isSlugFree(tx, candidate))) continue
    const row = await signRow(ctx, {
      ...facts,
      id,
      did: didOf(ctx.config.PUBLIC_URL, id),
      slug: candidate,
      owner,
      status: 'active',
      sequence: 1n,
      origin_registry: '',
      origin_location: null,
      created_at: time,
      updated_at: time,
      retired_at: null,
      status_reason: null,
      suspended_by: null,
      intent: null,
      teg_sequence: 0n,
    })
    if (await insertAgent(tx, row)) return row
  }
  throw fail('slug_taken', `The slug ${slug ?? candidates[0]} belongs to another agent.`)
}
