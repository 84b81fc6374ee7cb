/** Opens the registry as one function has it: the host's parts over what a FaaS host can give, and nothing else. */
import { type Context, idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { openMailer } from '#core/platform/mail.ts'
import type { TaskLine } from '#core/platform/tasks/line.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import { keepReplies } from '#core/registry/idempotency/keep-reply.ts'
import { openKeyRing } from '#core/registry/keys/key-ring.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { readSettings } from '#core/registry/settings/read-settings.ts'
import { tierReader } from '#core/registry/settings/read-tiers.ts'
import { openJournalHub } from '#core/registry/stream/open-journal-hub.ts'
import { OUTBOX_CHANNEL } from '#core/registry/stream/start-relay.ts'
import { type App, composeApp } from '#core/runtime/compose-app.ts'
import type { FunctionGroup } from '#core/runtime/define-function.ts'
import { callTeg } from './call-teg.ts'
import { openFaasCoordination } from './open-coordination.ts'
import { openFaasDatabase } from './open-database.ts'
import { openLineLog } from './open-line-log.ts'
import { openFaasOutbound } from './open-outbound.ts'
import type { Opened, Platform } from './platform.ts'
import { readFaasConfig } from './read-faas-config.ts'

/** @param tasks the lines of the timetable, which operators are shown */
export async function openRegistry(
  platform: Platform,
  tasks: readonly TaskLine[],
): Promise<Opened<RegistryResources>> {
  const config = readFaasConfig(platform, 'registry')
  const { clock = systemClock, random = systemRandom, write } = platform
  const log = openLineLog(write, clock.now, config.LOG_LEVEL, { service: 'registry' })
  const db = await openFaasDatabase(config, config.DATABASE_URL, 'registry', platform.connections)
  const coordination = await openFaasCoordination(config, { db, clock, random, log })
  const base: Resources = { db, coordination, clock, random, log }
  const { TEG_URL: tegUrl = '', TEG_SERVICE_TOKEN: token = '' } = config
  const outbound = openFaasOutbound(config)
  const feed = openJournalHub(base)
  const wake: RegistryResources['wake'] = (what) => {
    // Relay and mailer of a host hear of it over Redis; without one their next look finds it.
    if (what === 'relay') platform.background(coordination.publish(OUTBOX_CHANNEL, '').catch(() => undefined))
  }
  const resources: RegistryResources = {
    ...base,
    config,
    teg: openTegClient({ token, newId: idMaker(clock, random), baseUrl: tegUrl, fetch: callTeg }),
    eventStore: null,
    // A function has no certificate of the stack: peers come in over nginx-federation.
    identity: null,
    keys: await openKeyRing(base, config.SECRET_KEY),
    mailer: openMailer(config),
    outbound,
    feed,
    wake,
    tasks,
  }
  await readSettings(resources)
  return {
    resources,
    async close() {
      await feed.close()
      await outbound.close()
      await coordination.close()
      await db.close()
    },
  }
}

export interface DoorSpec<C> {
  readonly prefix: string
  readonly group: FunctionGroup<C>
}

/** The application of one door, or of several. */
export function composeRegistry(
  { resources }: Pick<Opened<RegistryResources>, 'resources'>,
  ...doors: readonly DoorSpec<RegistryContext>[]
): App {
  const { db, coordination, clock, random, log, ...held } = resources
  const base: Resources = { db, coordination, clock, random, log }
  return composeApp<RegistryContext>(doors, {
    resources: base,
    coordination,
    newId: idMaker(clock, random),
    authenticate: readCaller,
    contextOf: (call: Context) => ({ ...call, ...held }),
    tierOf: tierReader(resources),
    idempotency: keepReplies(held.keys),
    observe: () => undefined,
    draining: () => false,
  })
}
