/** Builds the TEG service: its resources and its application, without any socket. */
import { timingSafeEqual } from 'node:crypto'
import type { Config } from '#core/platform/config.ts'
import { type Context, idMaker, type Resources } from '#core/platform/context.ts'
import { composeApp, loadDoors, type Mounted } from '#core/runtime/compose-app.ts'
import type { CallPorts } from '#core/runtime/open-call.ts'
import type { TegContext, TegResources } from '#core/teg/context.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { claimMinting } from '#core/teg/supply/claim-minting.ts'
import { tegDoors } from '#functions/index.ts'
import type { Built } from './build-registry.ts'

export interface TegParts {
  readonly config: Config
  readonly resources: Resources
  /** The token that a caller must show. */
  readonly serviceToken: string
  readonly observe: CallPorts<TegContext>['observe']
  readonly draining: () => boolean
}

/** Builds it; the database must be migrated. */
export async function buildTeg(parts: TegParts): Promise<Built<TegResources>> {
  const { config, resources: base } = parts
  const newId = idMaker(base.clock, base.random)
  const minting = config.MINTING_AUTHORITY === 'teg-layer'
  await claimMinting(base.db, minting)
  const gate = openGate({ db: base.db, clock: base.clock, newId, log: base.log, minting })
  const resources: TegResources = { ...base, config, gate }
  const mounted = await loadDoors<TegContext>(tegDoors, 'teg')
  const wanted = Buffer.from(parts.serviceToken)
  const app = composeApp<TegContext>(mounted, {
    resources,
    coordination: base.coordination,
    newId,
    async authenticate(_ctx, token) {
      const given = Buffer.from(token)
      const same = given.length === wanted.length && timingSafeEqual(given, wanted)
      return same ? { kind: 'service', name: 'registry' } : null
    },
    // Its resources are in it already.
    contextOf: (call: Context) => call as TegContext,
    tierOf: null,
    idempotency: null,
    observe: parts.observe,
    draining: parts.draining,
  })
  return { app, resources, mounted: mounted as readonly Mounted<never>[], tierOf: null }
}
