/** The public log (c2sp.org/tlog-tiles): checkpoint, tiles, entry bundles, and proofs for those who do not make their own. */
import { z } from 'zod'
import { fail } from '#core/base/errors.ts'
import { parseTileIndex } from '#core/base/tlog/tiles.ts'
import type { EventStoreContext } from '#core/event-store/context.ts'
import { auditLog } from '#core/event-store/log/audit-log.ts'
import { logErrors } from '#core/event-store/log/errors.ts'
import { checkReady, readCheckpoint, readLogInfo } from '#core/event-store/log/read-log.ts'
import { readBundle, readTile } from '#core/event-store/log/read-tiles.ts'
import { proveConsistency } from '#core/event-store/proofs/prove-consistency.ts'
import { proveInclusion, writeReceipt } from '#core/event-store/proofs/prove-inclusion.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'
import * as wire from '#core/wire/event-store.ts'

const { get } = rowsOf<EventStoreContext>()
const open = { callers: 'public', uncounted: true, cors: true } as const
const AUDIT_SECONDS_MAX = 600

const IndexIn = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,14})$/, 'must be a whole number')
  .transform(Number)
const FOREVER = 'public, max-age=31536000, immutable'

const text = (body: string) =>
  new Response(body, {
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-cache' },
  })
const bytes = (body: Uint8Array | null) => {
  if (!body) throw fail('not_found', 'The log has no such tile, or not yet.')
  return new Response(body as Uint8Array<ArrayBuffer>, {
    headers: { 'content-type': 'application/octet-stream', 'cache-control': FOREVER },
  })
}

export default defineFunction<EventStoreContext>({
  tag: 'event-store-log',
  timeoutSeconds: AUDIT_SECONDS_MAX,
  rows: [
    get('/', { ...open, summary: 'The log in short', reply: wire.LogInfo }, ({ ctx }) => readLogInfo(ctx)),
    get(
      '/checkpoint',
      { ...open, summary: 'The newest checkpoint: a signed note', raw: 'text/plain' },
      async ({ ctx }) => text(await readCheckpoint(ctx)),
    ),
    get(
      '/tile/:level/:path{.+}',
      {
        ...open,
        summary: 'A tile of hashes, or a bundle of entries: tile/<level or entries>/<index>[.p/<width>]',
        params: z.strictObject({ level: z.string(), path: z.string() }),
        raw: 'application/octet-stream',
      },
      async ({ ctx, params }) => {
        const place = parseTileIndex(params.path)
        const isLevel = /^(?:\d|[1-5]\d|6[0-3])$/.test(params.level)
        if (!place || (params.level !== 'entries' && !isLevel)) throw fail('not_found')
        if (params.level === 'entries') return bytes(await readBundle(ctx, place))
        return bytes(await readTile(ctx, { ...place, level: Number(params.level) }))
      },
    ),
    get(
      '/proofs/inclusion',
      {
        ...open,
        summary: 'The proof that an index stands in the tree of a size',
        query: z.strictObject({ index: IndexIn, size: IndexIn.optional() }),
        reply: wire.InclusionProof,
      },
      ({ ctx, query }) => proveInclusion(ctx, { index: query.index, size: query.size }),
    ),
    get(
      '/proofs/consistency',
      {
        ...open,
        summary: 'The proof that one tree is the beginning of a later one',
        query: z.strictObject({ first: IndexIn, second: IndexIn.optional() }),
        reply: wire.ConsistencyProof,
      },
      ({ ctx, query }) => proveConsistency(ctx, { first: query.first, second: query.second }),
    ),
    get(
      '/proofs/receipt',
      {
        ...open,
        summary: 'An offline proof (c2sp.org/tlog-proof) of an entry, by index or by source and sequence',
        query: z.union([
          z.strictObject({ index: IndexIn }),
          z.strictObject({ source: wire.Source, sequence: wire.SequenceIn }),
        ]),
        raw: 'text/plain',
      },
      async ({ ctx, query }) => text(await writeReceipt(ctx, query)),
    ),
    get(
      '/audit',
      {
        summary: 'Recomputes the whole log from its entries and compares all that is kept beside them',
        callers: ['service'],
        uncounted: true,
        reply: wire.Audit,
      },
      ({ ctx }) => auditLog(ctx),
    ),
    get(
      '/livez',
      {
        summary: 'The process answers',
        callers: 'public',
        uncounted: true,
        reply: z.strictObject({ status: z.literal('alive') }),
      },
      () => ({ status: 'alive' }),
    ),
    get(
      '/readyz',
      {
        summary: 'The database answers',
        callers: 'public',
        uncounted: true,
        reply: z.strictObject({ status: z.literal('ready') }),
        errors: [logErrors],
      },
      ({ ctx }) => checkReady(ctx),
    ),
  ],
})
