/** An EventStore of its own for tests: its application, and short ways to tell it events as a registry would. */
import { randomBytes, randomUUID } from 'node:crypto'
import type { z } from 'zod'
import type { EventStoreContext, EventStoreResources } from '#core/event-store/context.ts'
import { backgroundCall } from '#core/platform/background-call.ts'
import { readConfig } from '#core/platform/config.ts'
import { systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Database } from '#core/platform/database/database.ts'
import { silentLog } from '#core/platform/log.ts'
import type { App } from '#core/runtime/compose-app.ts'
import type { AppendBatch } from '#core/wire/event-store.ts'
import { buildEventStore } from '#host/build-event-store.ts'
import { type TestClock, testClock } from './clock.ts'
import { testDatabase } from './database.ts'
import { type Api, makeApi } from './request.ts'

export const STORE_TOKEN = 'event-store-token-for-tests-0123456789'
export const STORE_ORIGIN = 'log.example/event-store'
export const REGISTRY_SOURCE = '/registries/ninefold/registry'

export type EventIn = z.input<typeof AppendBatch>['events'][number]

export interface TestStore {
  readonly db: Database
  readonly clock: TestClock
  readonly store: EventStoreResources
  readonly app: App
  readonly fetch: (request: Request) => Response | Promise<Response>
  readonly api: Api
  /** A context of the holder of the token. */
  open(): EventStoreContext
  /** Appends `count` new events of a source. @returns the answer's body */
  tell(count: number, source?: string): Promise<{ receipts: { index: number }[]; checkpoint: string }>
}

/** An event of a source as its registry would send it. */
export function eventOf(
  sequence: number,
  source = REGISTRY_SOURCE,
  more: Partial<{ type: string; data: unknown }> = {},
): EventIn {
  const id = randomUUID()
  return {
    source,
    sequence: String(sequence),
    id,
    salt: randomBytes(16).toString('base64url'),
    payload: JSON.stringify({
      specversion: '1.0',
      id,
      source,
      type: more.type ?? 'agent.updated',
      sourcesequence: String(sequence),
      data: more.data ?? { n: sequence },
    }),
  }
}

/** Opens it on a fresh database, or as one more process on a given one. */
export async function startStore(
  env: Record<string, string> = {},
  given?: { db?: Database; clock?: TestClock },
): Promise<TestStore> {
  const db = given?.db ?? (await testDatabase())
  const clock = given?.clock ?? testClock()
  const resources = { db, coordination: openInProcess(), clock, random: systemRandom, log: silentLog }
  const built = await buildEventStore({
    config: readConfig({ EVENT_STORE_ORIGIN: STORE_ORIGIN, ...env }),
    resources,
    serviceToken: STORE_TOKEN,
    observe: () => undefined,
    draining: () => false,
  })
  const fetch = (request: Request) => built.app.fetch(request, { address: '192.0.2.1' })
  // The client speaks to public APIs, which stand under a base; this one has none.
  const api = makeApi(
    (request) => fetch(new Request(request.url.replace('/api/v1/', '/'), request)),
    undefined,
    'http://event-store',
  )
  const next = new Map<string, number>()
  return {
    db,
    clock,
    store: built.resources,
    app: built.app,
    fetch,
    api,
    open: () => ({
      ...built.resources,
      ...backgroundCall(built.resources, 'test', new AbortController().signal),
      caller: { kind: 'service', name: 'registry' },
    }),
    async tell(count, source = REGISTRY_SOURCE) {
      const first = (next.get(source) ?? 0) + 1
      next.set(source, first + count - 1)
      const events = Array.from({ length: count }, (_, i) => eventOf(first + i, source))
      const answer = await api.post('/events', { events }, { token: STORE_TOKEN })
      if (answer.status !== 200) throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`)
      return answer.body
    },
  }
}
