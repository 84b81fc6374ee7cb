/** Opens the TEG as one function has it. Many instances are safe: the gate's order is made by locks in its database. */
import { timingSafeEqual } from 'node:crypto'
import { type Context, idMaker, type Resources, systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { type App, composeApp } from '#core/runtime/compose-app.ts'
import type { TegContext, TegResources } from '#core/teg/context.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { claimMinting } from '#core/teg/supply/claim-minting.ts'
import { openFaasDatabase } from './open-database.ts'
import { openLineLog } from './open-line-log.ts'
import type { DoorSpec } from './open-registry.ts'
import type { Opened, Platform } from './platform.ts'
import { readFaasConfig } from './read-faas-config.ts'

export async function openTeg(platform: Platform): Promise<Opened<TegResources>> {
  const config = readFaasConfig(platform, 'teg')
  const { clock = systemClock, random = systemRandom, write } = platform
  const log = openLineLog(write, clock.now, config.LOG_LEVEL, { service: 'teg' })
  const db = await openFaasDatabase(config, config.TEG_DATABASE_URL, 'teg', platform.connections)
  const minting = config.MINTING_AUTHORITY === 'teg-layer'
  await claimMinting(db, minting)
  const base: Resources = { db, coordination: openInProcess(), clock, random, log }
  const gate = openGate({ db, clock, newId: idMaker(clock, random), log, minting })
  return { resources: { ...base, config, gate }, close: () => db.close() }
}

/** The application of one door, for the holder of the service token. */
export function composeTeg(
  { resources }: Pick<Opened<TegResources>, 'resources'>,
  door: DoorSpec<TegContext>,
): App {
  const { config, gate, ...base } = resources
  const wanted = Buffer.from(config.TEG_SERVICE_TOKEN ?? '')
  return composeApp<TegContext>([door], {
    resources: base,
    coordination: base.coordination,
    newId: idMaker(base.clock, base.random),
    async authenticate(_ctx, token) {
      const given = Buffer.from(token)
      const same = wanted.length > 0 && given.length === wanted.length && timingSafeEqual(given, wanted)
      return same ? { kind: 'service', name: 'registry' } : null
    },
    contextOf: (call: Context) => ({ ...call, config, gate }),
    tierOf: null,
    idempotency: null,
    observe: () => undefined,
    draining: () => false,
  })
}
