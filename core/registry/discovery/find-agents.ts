/** Finds agents: filters, repair of typos, ranking in blocks, and pages that go through every match once. */
import type { z } from 'zod'
import { decodeCursor, encodeCursor, type Page } from '#core/base/page.ts'
import type { RegistryContext } from '../context.ts'
import { type AskedWord, correctQuestion, parseQuestion } from './parse-question.ts'
import { type Filters, type FoundRow, findBlockEnd, listInOrder, type Order, rankBlock } from './queries.ts'
import { repairWords } from './repair-words.ts'
import { bindingOf, distanceFactor, NEAR_KM, serveEnvelope } from './rules.ts'
import type { Explanation, FindFilters, FindInput, FoundAgent } from './schema.ts'
import { labelOf } from './split-words.ts'

type Found = z.output<typeof FoundAgent>
type Context = Pick<RegistryContext, 'db'>

/** Matches that are ranked against each other: the best of them by quality, then the next block. */
const BLOCK = 500
/** A search by distance looks this near first and widens the circle while the page is not full. */
const RING_KM = 25
const RING_GROWTH = 4

/** Nothing is further away than half the Earth's circumference. */
const EARTH_HALF_KM = 20_016

const NUMBER = /^-?\d{1,20}([.]\d{1,25})?(e[+-]?\d{1,2})?$/
const NUMBER_OR_NONE = /^(-?\d{1,20}([.]\d{1,25})?(e[+-]?\d{1,2})?)?$/
const MICROSECONDS = /^-?\d{1,16}$/
const DID = /^[\x21-\x7e]{0,512}$/

/** The filters of a request as the index knows them, and the words that a repair may look at. */
export function filtersOf(query: FindFilters): { filters: Filters; words: readonly AskedWord[] } | null {
  const question = query.q?.trim() ? parseQuestion(query.q) : { tsquery: null, words: [] }
  // Something was asked, but it holds no word ("?!"): nothing matches it.
  if (query.q?.trim() && question.tsquery === null) return null
  const filters: Filters = {
    tsquery: question.tsquery,
    skills: (query.skill ?? []).map(labelOf),
    tags: (query.tag ?? []).map(labelOf),
    inputMode: query.input_mode === undefined ? null : labelOf(query.input_mode),
    outputMode: query.output_mode === undefined ? null : labelOf(query.output_mode),
    binding: query.binding === undefined ? null : bindingOf(query.binding),
    provider: query.provider === undefined ? null : labelOf(query.provider),
    registry: query.registry ?? null,
    country: query.country ?? null,
    near: query.near ?? null,
    radiusKm: query.radius_km ?? null,
    minReputation: query.min_reputation ?? null,
    signed: query.signed ?? null,
    updatedSince: query.updated_since ?? null,
  }
  return { filters, words: question.words }
}

/** The same filters with misspelt words repaired; null when there was nothing to repair. */
export async function repairFilters(
  ctx: Context,
  q: string | undefined,
  read: { filters: Filters; words: readonly AskedWord[] },
): Promise<{ filters: Filters; corrected: string } | null> {
  if (q === undefined || read.words.length === 0) return null
  const repairs = await repairWords(ctx.db, read.words)
  if (repairs.size === 0) return null
  const { tsquery } = parseQuestion(q, repairs)
  return { filters: { ...read.filters, tsquery }, corrected: correctQuestion(q, repairs) }
}

/** GET /discovery/agents. */
export async function findAgents(ctx: Context, query: FindInput): Promise<Page<Found>> {
  const { limit, cursor, explain, ...filters } = query
  const keys = cursor === undefined ? null : readCursor(cursor, filters)
  const read = filtersOf(query)
  if (read === null) return { items: [], next_cursor: null }
  const page = await readPage(ctx, read.filters, query, keys)
  if (page.items.length > 0 || page.next !== null) return toPage(page, filters, explain, null)
  const repaired = await repairFilters(ctx, query.q, read)
  if (!repaired) return toPage(page, filters, explain, null)
  return toPage(await readPage(ctx, repaired.filters, query, keys), filters, explain, repaired.corrected)
}

interface RawPage {
  readonly items: readonly Omit<FoundRow, 'key' | 'did'>[]
  readonly next: readonly string[] | null
  readonly candidates: number | null
}

const isRanked = (sort: FindInput['sort']): sort is 'best' | 'relevance' =>
  sort === 'best' || sort === 'relevance'

function readCursor(cursor: string, filters: Omit<FindInput, 'limit' | 'cursor' | 'explain'>): string[] {
  if (isRanked(filters.sort))
    return decodeCursor(cursor, filters, [NUMBER_OR_NONE, DID, NUMBER_OR_NONE, NUMBER_OR_NONE, DID])
  return decodeCursor(cursor, filters, [filters.sort === 'newest' ? MICROSECONDS : NUMBER, DID])
}

function readPage(ctx: Context, filters: Filters, query: FindInput, keys: string[] | null): Promise<RawPage> {
  return isRanked(query.sort)
    ? readRanked(ctx, filters, query.sort, query.limit, keys)
    : readOrdered(ctx, filters, query.sort, query.limit, keys)
}

/** A cursor of a ranked list: the card before the block (quality, did), and the last card seen in it (score, quality, did). */
async function readRanked(
  ctx: Context,
  filters: Filters,
  by: 'best' | 'relevance',
  limit: number,
  keys: string[] | null,
): Promise<RawPage> {
  const [blockQuality = '', blockDid = '', score = '', quality = '', did = ''] = keys ?? []
  const from = blockQuality === '' ? null : ([blockQuality, blockDid] as const)
  const rows = await rankBlock(ctx.db, filters, {
    by,
    from,
    after: score === '' || quality === '' ? null : [score, quality, did],
    cap: BLOCK,
    limit: limit + 1,
  })
  const kept = rows.slice(0, limit)
  const last = kept.at(-1)
  const candidates = rows[0]?.block_size ?? 0
  if (rows.length > limit && last)
    return {
      items: kept,
      candidates,
      next: [blockQuality, blockDid, String(last.score), String(last.quality), last.did],
    }
  // The block is at its end; a cursor may also point behind it, so an empty page tells nothing.
  const end = candidates >= BLOCK || keys ? await findBlockEnd(ctx.db, filters, from, BLOCK) : undefined
  return { items: kept, candidates, next: end ? [String(end.quality), end.did, '', '', ''] : null }
}

async function readOrdered(
  ctx: Context,
  filters: Filters,
  order: Order,
  limit: number,
  keys: string[] | null,
): Promise<RawPage> {
  const after = keys ? ([keys[0] ?? '', keys[1] ?? ''] as const) : null
  const widest = filters.radiusKm ?? Number.POSITIVE_INFINITY
  let ring =
    order === 'distance' ? Math.max(RING_KM, Number(after?.[0] ?? 0) * 1.001) : Number.POSITIVE_INFINITY
  for (;;) {
    const withinKm = Math.min(ring, widest)
    const rows = await listInOrder(ctx.db, filters, {
      order,
      after,
      limit: limit + 1,
      withinKm: withinKm > EARTH_HALF_KM ? null : withinKm,
    })
    if (rows.length <= limit && ring < widest && ring <= EARTH_HALF_KM) {
      ring *= RING_GROWTH
      continue
    }
    const kept = rows.slice(0, limit)
    const last = kept.at(-1)
    const next = rows.length > limit && last ? [last.key, last.did] : null
    return { items: kept, next, candidates: null }
  }
}

function toPage(
  page: RawPage,
  filters: Omit<FindInput, 'limit' | 'cursor' | 'explain'>,
  explain: boolean,
  corrected: string | null,
): Page<Found> {
  return {
    items: page.items.map((row) => ({
      ...(serveEnvelope(row) as unknown as Omit<Found, 'score' | 'explain'>),
      score: row.score,
      ...(explain
        ? { explain: explainRow(row, filters.radius_km ?? NEAR_KM, page.candidates, corrected) }
        : {}),
    })),
    next_cursor: page.next ? encodeCursor(page.next, filters) : null,
  }
}

function explainRow(
  row: Omit<FoundRow, 'key' | 'did'>,
  halfKm: number,
  candidates: number | null,
  corrected: string | null,
): z.output<typeof Explanation> {
  const { relevance, quality, completeness, signature_status, status, reputation, distance } = row
  return {
    relevance,
    quality,
    reputation,
    signature_status,
    completeness,
    status,
    distance_km: distance,
    distance_factor: distanceFactor(distance, halfKm),
    corrected_query: corrected,
    candidates,
  }
}
