/** Builds the registry service: its resources and its application, without any socket. */

import { type Context, idMaker } from '#core/platform/context.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import { keepReplies } from '#core/registry/idempotency/keep-reply.ts'
import { refuseQuarantined } from '#core/registry/quarantine/find-quarantined.ts'
import { readSettings } from '#core/registry/settings/read-settings.ts'
import { tierReader } from '#core/registry/settings/read-tiers.ts'
import { eventTypes } from '#core/registry/stream/events.ts'
import { CloudEvent } from '#core/registry/stream/schema.ts'
import { type App, composeApp, loadDoors, type Mounted } from '#core/runtime/compose-app.ts'
import { describeApi } from '#core/runtime/describe-api.ts'
import { describeStream } from '#core/runtime/describe-stream.ts'
import type { TierOf } from '#core/runtime/limit-rate.ts'
import type { CallPorts } from '#core/runtime/open-call.ts'
import { serveMailPages } from '#core/runtime/serve-mail-pages.ts'
import { registryDoors } from '#functions/index.ts'
import { type HeldParts, holdRegistry } from './hold-registry.ts'
import { serveDocuments } from './serve-documents.ts'
import { VERSION } from './version.ts'

export interface Built<C> {
  readonly app: App
  readonly resources: C
  readonly mounted: readonly Mounted<never>[]
  readonly tierOf: TierOf | null
}

export interface RegistryParts extends HeldParts {
  readonly observe: CallPorts<RegistryContext>['observe']
  readonly draining: () => boolean
}

/** Builds it; the database must be migrated. */
export async function buildRegistry(parts: RegistryParts): Promise<Built<RegistryResources>> {
  const { config, resources: base } = parts
  const held = await holdRegistry(parts)
  const resources: RegistryResources = { ...base, ...held }
  await readSettings(resources)
  const mounted = await loadDoors<RegistryContext>(registryDoors, 'registry')
  const tierOf = tierReader(resources)
  const info = {
    title: 'Ninefold',
    version: VERSION,
    description: 'A self-hosted registry for AI agents with an economy.',
    serverUrl: config.PUBLIC_URL,
  }
  const documents = serveDocuments({
    openapi: () => describeApi(mounted as readonly Mounted<never>[], info),
    asyncapi: () => describeStream(info, { event: CloudEvent, types: eventTypes }),
  })
  const ports: CallPorts<RegistryContext> = {
    resources,
    coordination: base.coordination,
    newId: idMaker(base.clock, base.random),
    authenticate: readCaller,
    admitPeer: refuseQuarantined,
    // Its resources are in it already: another copy for each request would only add them again.
    contextOf: (call: Context) => call as RegistryContext,
    tierOf,
    idempotency: keepReplies(held.keys),
    observe: parts.observe,
    draining: parts.draining,
  }
  const app = composeApp(
    mounted,
    ports,
    (request, path) => serveMailPages(request, path) ?? documents(request, path),
  )
  return { app, resources, mounted: mounted as readonly Mounted<never>[], tierOf }
}
