/** Reads one agent: its envelope with an entity tag, its hosted card, its did document, its versions. */
import { createHash } from 'node:crypto'
import type { z } from 'zod'
import { decodeCursor, type Page, toPage } from '#core/base/page.ts'
import { Reply } from '#core/base/reply.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'
import { requireAgent } from './find-agent.ts'
import { findVersion, listVersions, type VersionRow } from './queries.ts'
import { fitsIfNoneMatch } from './rules.ts'
import type { Envelope, Version, VersionWithCard } from './schema.ts'
import { toEnvelope } from './to-envelope.ts'

/** Seconds that a hosted card may be used without asking again. */
const CARD_AGE_SECONDS = 300

/** The envelope of an agent named by id or did. @throws 404 agent_not_found */
export async function readEnvelope(ctx: RegistryContext, ref: string): Promise<Envelope> {
  return toEnvelope(await requireAgent(ctx.db, ref))
}

/** The envelope with its own entity tag; 304 for a reader who has it. */
export async function readAgent(
  ctx: RegistryContext,
  ref: string,
  ifNoneMatch: string | undefined,
): Promise<Reply<Envelope | null>> {
  const envelope = await readEnvelope(ctx, ref)
  const etag = createHash('sha256').update(JSON.stringify(envelope)).digest('base64url').slice(0, 32)
  const headers = { etag: `"${etag}"`, 'cache-control': 'no-cache' }
  if (fitsIfNoneMatch(ifNoneMatch, etag)) return new Reply(null, { status: 304, headers })
  return new Reply(envelope, { headers })
}

/** The hosted card, byte for byte as it was signed. @throws 404 agent_not_found after retirement, too */
export async function readHostedCard(
  ctx: RegistryContext,
  ref: string,
  ifNoneMatch: string | undefined,
): Promise<Response> {
  const row = await requireAgent(ctx.db, ref)
  if (row.status === 'retired')
    throw fail('agent_not_found', 'The agent is retired; its card is no longer hosted.')
  const headers = {
    etag: `"${row.card_etag}"`,
    'cache-control': `public, max-age=${CARD_AGE_SECONDS}`,
    vary: 'A2A-Version',
  }
  if (fitsIfNoneMatch(ifNoneMatch, row.card_etag)) return new Response(null, { status: 304, headers })
  return new Response(row.hosted_card, { headers: { ...headers, 'content-type': 'application/json' } })
}

const SEQUENCE = [/^[1-9][0-9]{0,14}$/]

/** The versions of an agent's card, newest first. */
export async function readVersions(
  ctx: RegistryContext,
  ref: string,
  query: { limit: number; cursor?: string | undefined },
): Promise<Page<z.infer<typeof Version>>> {
  const row = await requireAgent(ctx.db, ref)
  const filters = { agent: row.id }
  const [before = null] = query.cursor ? decodeCursor(query.cursor, filters, SEQUENCE) : []
  const rows = await listVersions(ctx.db, row.id, before, query.limit + 1)
  return toPage(rows, query.limit, filters, (one) => [String(one.sequence)], toVersion)
}

/** One version with its card. @throws 404 agent_not_found */
export async function readVersion(
  ctx: RegistryContext,
  ref: string,
  sequence: string,
): Promise<z.infer<typeof VersionWithCard>> {
  const row = await requireAgent(ctx.db, ref)
  const version = await findVersion(ctx.db, row.id, sequence)
  if (!version) throw fail('agent_not_found', `The agent has no version of sequence ${sequence}.`)
  return {
    ...toVersion(version),
    card: JSON.parse(version.card_text),
    original: version.card_original === null ? null : JSON.parse(version.card_original),
  }
}

function toVersion(row: Omit<VersionRow, 'card_text' | 'card_original'>): z.infer<typeof Version> {
  return {
    sequence: Number(row.sequence),
    card_version: row.card_version,
    card_etag: `"${row.card_etag}"`,
    card_digest: row.card_digest,
    signature_status: row.signature_status,
    signature_form: row.signature_form,
    signature_kid: row.signature_kid,
    created_at: row.created_at.toISOString(),
  }
}
