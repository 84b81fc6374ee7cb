/** An application of rows that a test defines, on a real database, for tests of the runtime itself. */
import type { Caller } from '#core/base/caller.ts'
import { type Context, idMaker, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Database } from '#core/platform/database/database.ts'
import { type Log, silentLog } from '#core/platform/log.ts'
import { keepReplies } from '#core/registry/idempotency/keep-reply.ts'
import { openKeyRing } from '#core/registry/keys/key-ring.ts'
import { type App, composeApp } from '#core/runtime/compose-app.ts'
import { defineFunction, type FunctionSpec } from '#core/runtime/define-function.ts'
import { testClock } from './clock.ts'
import { type Api, makeApi } from './request.ts'

export interface TestApp {
  readonly app: App
  readonly api: Api
  drain(): void
}

/** Callers by token. */
export const callers: Record<string, Caller> = {
  dev: {
    kind: 'developer',
    account: '01900000-0000-7000-8000-000000000001',
    email: 'a@example.com',
    emailVerified: true,
    roles: [],
    scopes: null,
    session: 's',
    key: null,
  },
  keyed: {
    kind: 'developer',
    account: '01900000-0000-7000-8000-000000000002',
    email: 'b@example.com',
    emailVerified: true,
    roles: [],
    scopes: ['agents:read'],
    session: null,
    key: 'k',
  },
  ops: { kind: 'operator', account: null, key: 'preset', roles: ['operator', 'auditor'] },
  svc: { kind: 'service', name: 'registry' },
}

/** Composes it under /api/v1/test. */
export async function testApp(
  db: Database,
  spec: Omit<FunctionSpec<Context>, 'tag'>,
  options: { perMinute?: number; log?: Log } = {},
): Promise<TestApp> {
  let draining = false
  const clock = testClock()
  const resources = {
    db,
    coordination: openInProcess(),
    clock,
    random: systemRandom,
    log: options.log ?? silentLog,
  }
  const keys = await openKeyRing(resources, undefined)
  const app = composeApp<Context>(
    [{ prefix: '/api/v1/test', group: defineFunction({ tag: 'test', ...spec }) }],
    {
      resources,
      coordination: resources.coordination,
      newId: idMaker(clock, systemRandom),
      authenticate: async (_ctx, token) => callers[token] ?? null,
      contextOf: (context) => context,
      tierOf: () => ({ name: 'public', perMinute: options.perMinute ?? 1_000_000 }),
      idempotency: keepReplies(keys),
      observe: () => undefined,
      draining: () => draining,
    },
  )
  return {
    app,
    api: makeApi((request) => app.fetch(request, { address: '192.0.2.1' })),
    drain: () => {
      draining = true
    },
  }
}
