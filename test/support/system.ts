/** The whole system in one process for journeys: registry and TEG on one fresh database, called without sockets. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import type { PeerCaller } from '#core/base/caller.ts'
import { type Config, readConfig } from '#core/platform/config.ts'
import { type Resources, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { type Log, silentLog } from '#core/platform/log.ts'
import type { RegistryResources } from '#core/registry/context.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { describeApi } from '#core/runtime/describe-api.ts'
import type { TegResources } from '#core/teg/context.ts'
import { buildRegistry } from '#host/build-registry.ts'
import { buildTeg } from '#host/build-teg.ts'
import { type TestClock, testClock } from './clock.ts'
import { contractOf } from './contract.ts'
import { testDatabase } from './database.ts'
import { type Api, makeApi } from './request.ts'

export interface System {
  readonly config: Config
  readonly clock: TestClock
  readonly registry: RegistryResources
  readonly teg: TegResources
  /** Calls the public API; paths without /api/v1 get it. */
  readonly api: Api
  /** The same, for a client at another address than 192.0.2.1. */
  readonly apiFrom: (address: string) => Api
  /** The same, for a peer that nginx-federation has let in. */
  readonly apiOf: (peer: PeerCaller) => Api
  /** What was woken since the start. */
  readonly woken: string[]
}

export const OPERATOR_KEY = 'operator-key-for-tests-0123456789'

/** Starts it. `env` adds configuration. */
export async function startSystem(env: Record<string, string> = {}, log: Log = silentLog): Promise<System> {
  const folder = mkdtempSync(join(tmpdir(), 'ninefold-test-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const config = readConfig({
    DATA_DIR: folder,
    OPERATOR_API_KEY: OPERATOR_KEY,
    RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000',
    RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
    ...env,
  })
  const clock = testClock()
  const resources: Resources = {
    db: await testDatabase(),
    coordination: openInProcess(),
    clock,
    random: systemRandom,
    log,
  }
  const serviceToken = 'service-token-for-tests-0123456789'
  const observe = () => undefined
  const draining = () => false
  const teg = await buildTeg({ config, resources, serviceToken, observe, draining })
  const client = openTegClient({
    token: serviceToken,
    fetch: (request) => teg.app.fetch(request, { address: '127.0.0.1' }),
    newId: () => crypto.randomUUID(),
  })
  const woken: string[] = []
  const registry = await buildRegistry({
    config,
    resources,
    teg: client,
    wake: (what) => woken.push(what),
    observe,
    draining,
  })
  const document = describeApi(registry.mounted, {
    title: 'Ninefold',
    version: 'test',
    description: '',
    serverUrl: config.PUBLIC_URL,
  })
  const check = contractOf(document)
  const apiFrom = (address: string) => makeApi((request) => registry.app.fetch(request, { address }), check)
  return {
    config,
    clock,
    registry: registry.resources,
    teg: teg.resources,
    api: apiFrom('192.0.2.1'),
    apiFrom,
    apiOf: (peer) => makeApi((request) => registry.app.fetch(request, { address: '192.0.2.2', peer }), check),
    woken,
  }
}
