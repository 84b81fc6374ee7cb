/** Opens the EventStore as one function has it. Several sequencers at once are correct: one of them writes each group. */
import { timingSafeEqual } from 'node:crypto'
import { parseVerifier } from '#core/base/tlog/note.ts'
import type { EventStoreContext, EventStoreResources } from '#core/event-store/context.ts'
import { openKeys } from '#core/event-store/keys/open-keys.ts'
import { openSequencer } from '#core/event-store/log/open-sequencer.ts'
import { openHeadWatch } from '#core/event-store/open-head-watch.ts'
import { openTileCache } from '#core/event-store/open-tile-cache.ts'
import { ConfigError } from '#core/platform/config.ts'
import { type Context, idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { type App, composeApp } from '#core/runtime/compose-app.ts'
import { openFaasDatabase } from './open-database.ts'
import { openLineLog } from './open-line-log.ts'
import type { DoorSpec } from './open-registry.ts'
import type { Opened, Platform } from './platform.ts'
import { readFaasConfig } from './read-faas-config.ts'

export async function openEventStore(platform: Platform): Promise<Opened<EventStoreResources>> {
  const config = readFaasConfig(platform, 'event-store')
  const { clock = systemClock, random = systemRandom, write } = platform
  const log = openLineLog(write, clock.now, config.LOG_LEVEL, { service: 'event-store' })
  const url = config.EVENT_STORE_DATABASE_URL
  const db = await openFaasDatabase(config, url, 'event_store', platform.connections)
  const base: Resources = { db, coordination: openInProcess(), clock, random, log }
  const keys = await openKeys(base, {
    origin: config.EVENT_STORE_ORIGIN ?? `${new URL(config.PUBLIC_URL).host}/event-store`,
    isOriginGiven: config.EVENT_STORE_ORIGIN !== undefined,
    signingKey: config.EVENT_STORE_SIGNING_KEY,
    secret: config.SECRET_KEY,
  })
  const heads = await openHeadWatch(base.coordination)
  const sequencer = openSequencer({
    db,
    clock,
    origin: keys.origin,
    signer: keys.log,
    log,
    onGrowth: heads.tell,
  })
  const witnessed = config.EVENT_STORE_WITNESSED_LOGS.split(/[\s,]+/)
    .filter(Boolean)
    .map((text) => parseVerifier(text) ?? refuse(text))
  return {
    resources: { ...base, config, keys, heads, sequencer, tiles: openTileCache(), witnessed },
    async close() {
      await heads.end()
      await db.close()
    },
  }
}

function refuse(text: string): never {
  throw new ConfigError([`EVENT_STORE_WITNESSED_LOGS: ${text} is no verifier key`])
}

/** The application of one door. */
export function composeEventStore(
  { resources }: Pick<Opened<EventStoreResources>, 'resources'>,
  door: DoorSpec<EventStoreContext>,
): App {
  const { db, coordination, clock, random, log, ...held } = resources
  const base: Resources = { db, coordination, clock, random, log }
  const wanted = Buffer.from(held.config.EVENT_STORE_SERVICE_TOKEN ?? '')
  return composeApp<EventStoreContext>([door], {
    resources: base,
    coordination,
    newId: idMaker(clock, random),
    async authenticate(_ctx, token) {
      const given = Buffer.from(token)
      const same = wanted.length > 0 && given.length === wanted.length && timingSafeEqual(given, wanted)
      return same ? { kind: 'service', name: 'registry' } : null
    },
    contextOf: (call: Context) => ({ ...call, ...held }),
    tierOf: null,
    idempotency: null,
    observe: () => undefined,
    draining: () => false,
  })
}
