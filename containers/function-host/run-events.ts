/** Everything of events that a registry process runs: relay, reactors, webhooks, WebSockets on its server; ended in the right order. */
import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { backgroundCall } from '#core/platform/background-call.ts'
import { idMaker } from '#core/platform/context.ts'
import { readCaller } from '#core/registry/accounts/read-caller.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'
import { tierReader } from '#core/registry/settings/read-tiers.ts'
import { reactorStore } from '#core/registry/stream/reactor-store.ts'
import { redeemTicket } from '#core/registry/stream/redeem-ticket.ts'
import { startRelay } from '#core/registry/stream/start-relay.ts'
import { startDeliveries } from '#core/registry/webhooks/start-deliveries.ts'
import { attachSockets } from '#core/runtime/hold-sockets.ts'
import { startReactors } from '#core/runtime/run-reactors.ts'
import { addressReader } from '#core/runtime/to-node.ts'
import { reactions } from '#functions/reactors/index.ts'

export interface Events {
  /** Tells that an outbox has grown. */
  wake(): void
  /** Tells that a webhook has something due. */
  deliver(): void
  /** True while the relay takes nothing from the TEG, because its outbox contradicts the journal. */
  halted(): boolean
  /** WebSockets held now. */
  sockets(): number
  /** Ends WebSockets (1012) and SSE streams; to be called before the server is closed, which waits for them. */
  drain(): Promise<void>
  /** Ends relay, reactors and deliveries; to be called when no request is at work any more. */
  stop(): Promise<void>
}

/** Where upgrades come from, and how the client's address is read there (by default behind TRUSTED_PROXIES). */
export interface Doorway {
  readonly upgrades: EventEmitter
  readonly addressOf?: (incoming: IncomingMessage) => string
}

/** Starts them. An upgrade counts as a request in its caller's tier. */
export async function runEvents(resources: RegistryResources, doorways: readonly Doorway[]): Promise<Events> {
  const { config, clock, random, log, coordination, feed } = resources
  const open = (name: string, signal: AbortSignal): RegistryContext => ({
    ...resources,
    ...backgroundCall(resources, name, signal),
  })
  const { signal } = new AbortController()
  const ports = {
    feed,
    authenticate: (token: string) => readCaller(open('sockets', signal), token),
    redeemTicket: (ticket: string) => redeemTicket(resources, ticket),
    publicUrls: [config.PUBLIC_URL, ...config.PUBLIC_URL_ALIASES.split(',').map((url) => url.trim())],
    coordination,
    tierOf: tierReader(resources),
    newId: idMaker(clock, random),
    now: clock.now,
    random,
    log,
  }
  const byProxies = addressReader(config.TRUSTED_PROXIES)
  const held = doorways.map(({ upgrades, addressOf = byProxies }) =>
    attachSockets(upgrades, { ...ports, addressOf }),
  )
  const relay = await startRelay(resources)
  const deliveries = await startDeliveries(resources)
  const reactors = await startReactors<RegistryContext>({ reactions, store: reactorStore, open }, resources)
  return {
    wake: relay.wake,
    deliver: deliveries.wake,
    halted: relay.halted,
    sockets: () => held.reduce((sum, sockets) => sum + sockets.count(), 0),
    async drain() {
      await Promise.all(held.map((sockets) => sockets.close()))
      await feed.close()
    },
    async stop() {
      await relay.stop()
      await reactors.stop()
      await deliveries.stop()
      await resources.outbound.close()
    },
  }
}
