/** Opens what the registry holds beside the common resources: for its host, and for a task in a thread of its own. */
import type { Config } from '#core/platform/config.ts'
import type { Resources } from '#core/platform/context.ts'
import { openMailer } from '#core/platform/mail.ts'
import { type Outbound, openOutbound } from '#core/platform/outbound.ts'
import { openIdentityReader } from '#core/platform/spiffe/read-identity.ts'
import { describeLine } from '#core/platform/tasks/line.ts'
import type { RegistryResources } from '#core/registry/context.ts'
import type { EventStoreClient } from '#core/registry/event-store-client.ts'
import { openKeyRing } from '#core/registry/keys/key-ring.ts'
import { openJournalHub } from '#core/registry/stream/open-journal-hub.ts'
import type { TegClient } from '#core/registry/teg-client.ts'
import { ANSWER_BYTES_MAX, ATTEMPT_TIMEOUT_MS } from '#core/registry/webhooks/rules.ts'
import type { Timetable } from '#core/runtime/define-schedule.ts'
import { timetable } from '#schedules/index.ts'

export interface HeldParts {
  readonly config: Config
  readonly resources: Resources
  readonly teg: TegClient
  readonly eventStore?: EventStoreClient | null
  readonly wake: RegistryResources['wake']
}

/** Opens it; the database must be migrated. */
export async function holdRegistry(parts: HeldParts): Promise<Omit<RegistryResources, keyof Resources>> {
  const { config, resources, teg, wake } = parts
  return {
    config,
    teg,
    eventStore: parts.eventStore ?? null,
    identity: config.IDENTITY_DIR === undefined ? null : openIdentityReader(config.IDENTITY_DIR),
    keys: await openKeyRing(resources, config.SECRET_KEY),
    mailer: openMailer(config),
    outbound: openWebhookClient(config),
    feed: openJournalHub(resources),
    wake,
    tasks: linesOf(timetable),
  }
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
