/** Builds the registry service: its resources and its application, without any socket. */

import type { Config } from '#core/platform/config.ts'
import { type Context, idMaker, type Resources } from '#core/platform/context.ts'
import { openMailer } from '#core/platform/mail.ts'
import { type Outbound, openOutbound } from '#core/platform/outbound.ts'
import { describeLine } from '#core/platform/tasks/line.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import type { EventStoreClient } from '#core/registry/event-store-client.ts'
import { keepReplies } from '#core/registry/idempotency/keep-reply.ts'
import { openKeyRing } from '#core/registry/keys/key-ring.ts'
import { readSettings } from '#core/registry/settings/read-settings.ts'
import { tierReader } from '#core/registry/settings/read-tiers.ts'
import { eventTypes } from '#core/registry/stream/events.ts'
import { openJournalHub } from '#core/registry/stream/open-journal-hub.ts'
import { CloudEvent } from '#core/registry/stream/schema.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { ANSWER_BYTES_MAX, ATTEMPT_TIMEOUT_MS } from '#core/registry/webhooks/rules.ts'
import { type App, composeApp, loadDoors, type Mounted } from '#core/runtime/compose-app.ts'
import type { Timetable } from '#core/runtime/define-schedule.ts'
import { describeApi } from '#core/runtime/describe-api.ts'
import { describeStream } from '#core/runtime/describe-stream.ts'
import type { TierOf } from '#core/runtime/limit-rate.ts'
import type { CallPorts } from '#core/runtime/open-call.ts'
import { registryDoors } from '#functions/index.ts'
import { timetable } from '#schedules/index.ts'
import { serveDocuments } from './serve-documents.ts'
import { serveMailPages } from './serve-mail-pages.ts'
import { VERSION } from './version.ts'

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
  const tasks = linesOf(timetable)
  const outbound = openWebhookClient(config)
  const eventStore = parts.eventStore ?? null
  const held = { config, teg: parts.teg, eventStore, keys, mailer, outbound, feed, wake: parts.wake, tasks }
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
    resources: base,
    coordination: base.coordination,
    newId: idMaker(base.clock, base.random),
    authenticate: readCaller,
    contextOf: (call: Context) => ({ ...call, ...held }),
    tierOf,
    idempotency: keepReplies(keys),
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

const linesOf = (lines: Timetable) =>
  Object.entries(lines)
    .filter(([, line]) => line.service === 'registry')
    .map(([task, line]) => describeLine(task, line))

/** Each webhook has connections of its own: none waits for the requests of another, also at the same host. */
function openWebhookClient(config: Config): Outbound {
  const allow = config.WEBHOOK_ALLOWED_NETWORKS.split(',')
    .map((network) => network.trim())
    .filter(Boolean)
  return openOutbound({
    timeoutMs: ATTEMPT_TIMEOUT_MS,
    bytesMax: ANSWER_BYTES_MAX,
    connections: null,
    ...(allow.length > 0 ? { allow, allowHttp: true, ports: 'any' } : {}),
  })
}
