/** Builds the registry service: its resources and its application, without any socket. */

import type { Config } from '#core/platform/config.ts'
import { type Context, idMaker, type Resources } from '#core/platform/context.ts'
import { openMailer } from '#core/platform/mail.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import type { EventStoreClient } from '#core/registry/event-store-client.ts'
import { keepReplies } from '#core/registry/idempotency/keep-reply.ts'
import { openKeyRing } from '#core/registry/keys/key-ring.ts'
import { readSettings } from '#core/registry/settings/read-settings.ts'
import { tierReader } from '#core/registry/settings/read-tiers.ts'
import { openJournalHub } from '#core/registry/stream/open-journal-hub.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { type App, composeApp, loadDoors, type Mounted } from '#core/runtime/compose-app.ts'
import type { TierOf } from '#core/runtime/limit-rate.ts'
import type { CallPorts } from '#core/runtime/open-call.ts'
import { registryDoors } from '#functions/index.ts'

export interface Built<C> {
  readonly app: App
  readonly resources: C
  readonly mounted: readonly Mounted<never>[]
  readonly tierOf: TierOf | null
}

export interface RegistryParts {
  readonly config: Config
  readonly resources: Resources
  readonly teg: TegClient
  readonly eventStore?: EventStoreClient | null
  readonly wake: RegistryResources['wake']
  readonly observe: CallPorts<RegistryContext>['observe']
  readonly draining: () => boolean
}

/** Builds it; the database must be migrated. */
export async function buildRegistry(parts: RegistryParts): Promise<Built<RegistryResources>> {
  const { config, resources: base } = parts
  const keys = await openKeyRing(base, config.SECRET_KEY)
  const mailer = openMailer(config)
  const feed = openJournalHub(base)
  const eventStore = parts.eventStore ?? null
  const held = { config, teg: parts.teg, eventStore, keys, mailer, feed, wake: parts.wake }
  const resources: RegistryResources = { ...base, ...held }
  await readSettings(resources)
  const mounted = await loadDoors<RegistryContext>(registryDoors, 'registry')
  const tierOf = tierReader(resources)
  const app = composeApp<RegistryContext>(mounted, {
    resources: base,
    coordination: base.coordination,
    newId: idMaker(base.clock, base.random),
    authenticate: readCaller,
    contextOf: (call: Context) => ({ ...call, ...held }),
    tierOf,
    idempotency: keepReplies(keys),
    observe: parts.observe,
    draining: parts.draining,
  })
  return { app, resources, mounted: mounted as readonly Mounted<never>[], tierOf }
}
