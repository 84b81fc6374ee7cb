/** A stateless application through the whole pipeline: what each runtime is tested with. Bundled for Workers too. */
import { z } from 'zod'
import { fail } from '#core/base/errors.ts'
import { Reply } from '#core/base/reply.ts'
import { type Context, idMaker, systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { noDatabase } from '#core/platform/database/no-database.ts'
import { silentLog } from '#core/platform/log-fields.ts'
import { type App, composeApp } from '#core/runtime/compose-app.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post, put, delete: remove } = rowsOf<Context>()
const thing = z.strictObject({ name: z.string().min(1).max(40), tags: z.array(z.string()).optional() })

/** Requests that wait, that were left by their clients, and streams that lost their readers. */
const left = { waiting: 0, slow: 0, events: 0 }

const echo = defineFunction<Context>({
  tag: 'echo',
  bodyLimitBytes: 1024 * 1024,
  rows: [
    get(
      '/things/:id',
      {
        summary: 'Echoes path and query',
        callers: 'public',
        params: z.strictObject({ id: z.uuid() }),
        query: z.strictObject({ q: z.string().optional(), n: z.coerce.number().int().optional() }),
        reply: z.unknown(),
      },
      ({ params, query, header }) => ({
        params,
        query,
        accept: header('accept') ?? null,
        cookie: header('cookie') ?? null,
      }),
    ),
    post(
      '/things',
      {
        summary: 'Echoes a body',
        callers: 'public',
        body: thing,
        reply: z.unknown(),
        status: 201,
        location: (body: { name: string }) => `/echo/things/${encodeURIComponent(body.name)}`,
        idempotency: 'none',
      },
      ({ body }) => body,
    ),
    put(
      '/things/:id',
      {
        summary: 'Echoes the id',
        callers: 'public',
        params: z.strictObject({ id: z.string() }),
        body: thing,
        reply: z.unknown(),
      },
      ({ params, body }) => new Reply({ ...params, ...body }, { headers: { etag: '"7"' } }),
    ),
    remove(
      '/things/:id',
      { summary: 'Says nothing', callers: 'public', params: z.strictObject({ id: z.string() }) },
      () => undefined,
    ),
    get('/problem', { summary: 'A known problem', callers: 'public', reply: z.unknown() }, () => {
      throw fail('precondition_failed', 'Schön wär’s.', {
        headers: { 'retry-after': '7' },
        extra: { version: 3 },
      })
    }),
    get('/bug', { summary: 'A bug', callers: 'public', reply: z.unknown() }, () => {
      throw new Error('secret words')
    }),
    get('/private', { summary: 'For operators', callers: ['operator'], reply: z.unknown() }, () => ({})),
    get(
      '/bytes',
      { summary: 'Every byte', callers: 'public', raw: 'application/octet-stream' },
      () =>
        new Response(
          Uint8Array.from({ length: 256 }, (_, i) => i),
          {
            headers: { 'content-type': 'application/octet-stream' },
          },
        ),
    ),
    get('/stream', { summary: 'Parts', callers: 'public', raw: 'text/plain' }, () => {
      const parts = ['one ', 'zwölf ', 'three']
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          const part = parts.shift()
          if (part === undefined) controller.close()
          else controller.enqueue(new TextEncoder().encode(part))
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/plain; charset=utf-8' } })
    }),
    get('/events', { summary: 'Events', callers: 'public', raw: 'text/event-stream' }, () => {
      const body = new ReadableStream<Uint8Array>({
        start: (controller) => controller.enqueue(new TextEncoder().encode('data: 1\n\n')),
        cancel: () => {
          left.events++
        },
      })
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } })
    }),
    get('/large', { summary: 'A megabyte', callers: 'public', reply: z.unknown() }, () => ({
      text: 'ö'.repeat(500_000),
    })),
    post(
      '/length',
      {
        summary: 'The length of a text',
        callers: 'public',
        text: true,
        body: z.string(),
        reply: z.unknown(),
        idempotency: 'none',
      },
      ({ body }) => ({ length: body.length }),
    ),
    get('/known', { summary: 'A document', callers: 'public', reply: z.unknown() }, ({ header }) => {
      const isKnown = header('if-none-match') === '"1"'
      return new Reply(isKnown ? null : {}, { status: isKnown ? 304 : 200, headers: { etag: '"1"' } })
    }),
    get(
      '/names/:name',
      {
        summary: 'Echoes a name',
        callers: 'public',
        params: z.strictObject({ name: z.string() }),
        reply: z.unknown(),
      },
      ({ params }) => params,
    ),
    get('/slow', { summary: 'Waits to be left', callers: 'public', reply: z.unknown() }, async ({ ctx }) => {
      left.waiting++
      await new Promise<void>((resolve) =>
        ctx.signal.addEventListener('abort', () => resolve(), { once: true }),
      )
      left.slow++
      return {}
    }),
    get('/left', { summary: 'Who was left', callers: 'public', reply: z.unknown() }, () => left),
    get('/cookies', { summary: 'Two cookies', callers: 'public', raw: 'text/plain' }, () => {
      const response = new Response('Grüße', { headers: { 'content-type': 'text/plain; charset=utf-8' } })
      response.headers.append('set-cookie', 'a=1; Expires=Wed, 25 Nov 2026 00:00:00 GMT')
      response.headers.append('set-cookie', 'b=2; HttpOnly')
      return response
    }),
  ],
})

/** Composes it. An address may ask `perMinute` times. */
export function statelessApp(perMinute = 1000): App {
  // Its time stands still, so that what is left of a limit is the same on every host, fast or slow.
  const coordination = openInProcess(() => 1000)
  return composeApp<Context>([{ prefix: '/echo', group: echo }], {
    resources: { db: noDatabase, coordination, clock: systemClock, random: systemRandom, log: silentLog },
    coordination,
    newId: idMaker(systemClock, systemRandom),
    authenticate: async () => null,
    contextOf: (base) => base,
    tierOf: () => ({ name: 'public', perMinute }),
    idempotency: null,
    observe: () => undefined,
    draining: () => false,
  })
}
