/** Builds the EventStore service: its keys, its sequencer and its application, without any socket. */
import { timingSafeEqual } from 'node:crypto'
import { parseVerifier, type Verifier } from '#core/base/tlog/note.ts'
import type { EventStoreContext, EventStoreResources } from '#core/event-store/context.ts'
import { openKeys } from '#core/event-store/keys/open-keys.ts'
import { openSequencer } from '#core/event-store/log/open-sequencer.ts'
import { openHeadWatch } from '#core/event-store/open-head-watch.ts'
import { openTileCache } from '#core/event-store/open-tile-cache.ts'
import { type Config, ConfigError } from '#core/platform/config.ts'
import { type Context, idMaker, type Resources } from '#core/platform/context.ts'
import { composeApp, loadDoors, type Mounted } from '#core/runtime/compose-app.ts'
import type { CallPorts } from '#core/runtime/open-call.ts'
import { eventStoreDoors } from '#functions/index.ts'
import type { Built } from './build-registry.ts'

export interface EventStoreParts {
  readonly config: Config
  readonly resources: Resources
  /** The token that a registry must show; null: none is taken. */
  readonly serviceToken: string | null
  readonly observe: CallPorts<EventStoreContext>['observe']
  readonly draining: () => boolean
}

/** Builds it; the database must be migrated. */
export async function buildEventStore(parts: EventStoreParts): Promise<Built<EventStoreResources>> {
  const { config, resources: base } = parts
  const newId = idMaker(base.clock, base.random)
  const keys = await openKeys(base, {
    origin: config.EVENT_STORE_ORIGIN ?? `${new URL(config.PUBLIC_URL).host}/event-store`,
    isOriginGiven: config.EVENT_STORE_ORIGIN !== undefined,
    signingKey: config.EVENT_STORE_SIGNING_KEY,
    secret: config.SECRET_KEY,
  })
  const heads = await openHeadWatch(base.coordination)
  const sequencer = openSequencer({
    db: base.db,
    clock: base.clock,
    origin: keys.origin,
    signer: keys.log,
    log: base.log,
    onGrowth: heads.tell,
  })
  const witnessed = readVerifiers(config.EVENT_STORE_WITNESSED_LOGS)
  const held = { config, keys, heads, sequencer, tiles: openTileCache(), witnessed }
  const mounted = await loadDoors<EventStoreContext>(eventStoreDoors, 'event-store')
  const wanted = parts.serviceToken === null ? null : Buffer.from(parts.serviceToken)
  const app = composeApp<EventStoreContext>(mounted, {
    resources: base,
    coordination: base.coordination,
    newId,
    async authenticate(_ctx, token) {
      const given = Buffer.from(token)
      const same = wanted !== null && given.length === wanted.length && timingSafeEqual(given, wanted)
      return same ? { kind: 'service', name: 'registry' } : null
    },
    contextOf: (call: Context) => ({ ...call, ...held }),
    tierOf: null,
    idempotency: null,
    observe: parts.observe,
    draining: parts.draining,
  })
  const resources: EventStoreResources = { ...base, ...held }
  return { app, resources, mounted: mounted as readonly Mounted<never>[], tierOf: null }
}

/** @throws ConfigError for a key that is none */
function readVerifiers(setting: string): Verifier[] {
  const texts = setting.split(/[\s,]+/).filter(Boolean)
  return texts.map((text) => {
    const verifier = parseVerifier(text)
    if (!verifier) throw new ConfigError([`EVENT_STORE_WITNESSED_LOGS: ${text} is no verifier key`])
    return verifier
  })
}
