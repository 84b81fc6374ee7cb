/** The X.509 source: keeps the stream of the Workload API open and always has the newest whole identity, or says why not. */
import type { X509Certificate } from 'node:crypto'
import { MessageRefused, readMessage, type Svid, type X509Context } from './read-message.ts'
import { codes, type StreamEnd, type WorkloadApi } from './workload-api.ts'

/** How the stream stands: denied, where the agent has no identity for us; stopped, where asking again is of no use. */
export type SourceState = 'connecting' | 'connected' | 'down' | 'denied' | 'stopped'

export interface SourcePorts {
  readonly api: WorkloadApi
  readonly now: () => Date
  /** Waits; an abort ends the wait at once. */
  readonly wait: (milliseconds: number, signal: AbortSignal) => Promise<void>
  /** Chooses among several identities; the first by default. */
  readonly pick?: (svids: readonly Svid[]) => Svid | undefined
  /** A whole new identity is there. */
  readonly onUpdate?: (context: X509Context) => void
  /** A message was refused, or the state has changed. */
  readonly onRefusal?: (refusal: MessageRefused) => void
  readonly onState?: (state: SourceState, end: StreamEnd | null) => void
}

export class SourceClosed extends Error {
  constructor() {
    super('The source is closed')
    this.name = 'SourceClosed'
  }
}
/** Nothing has come yet. */
export class SourceEmpty extends Error {
  constructor(why: string) {
    super(`The Workload API has given no identity: ${why}`)
    this.name = 'SourceEmpty'
  }
}

export interface X509Source {
  /** Resolves with the first identity. @throws SourceClosed; SourceEmpty where the agent says that asking is of no use */
  ready(): Promise<void>
  /** Identity and bundles of one moment. @throws SourceClosed, SourceEmpty */
  context(): { readonly svid: Svid; readonly context: X509Context }
  /** @throws SourceClosed, SourceEmpty. Null: no authorities of that trust domain are known. */
  bundleOf(domain: string): readonly X509Certificate[] | null
  state(): SourceState
  /** Ends it; may be called twice; resolves when the stream is over. */
  close(): Promise<void>
}

/** Waits of 1 s, 2 s, ... up to 30 s between streams, from the beginning after each good message. */
const STEP_MS = 1000
const WAIT_MS_MAX = 30_000

/** Opens it. */
export function openSource(ports: SourcePorts): X509Source {
  const controller = new AbortController()
  const { signal } = controller
  let held: { svid: Svid; context: X509Context } | null = null
  let state: SourceState = 'connecting'
  let attempts = 0
  let last: StreamEnd = { code: codes.ok, details: 'nothing has come yet' }
  const first = Promise.withResolvers<void>()
  // Whoever never asks for it must not end the process.
  first.promise.catch(() => undefined)

  const turn = (next: SourceState, end: StreamEnd | null) => {
    const changed = next !== state
    state = next
    if (changed) ports.onState?.(next, end)
  }
  const take = (message: Parameters<typeof readMessage>[0]) => {
    try {
      const context = readMessage(message, ports.now())
      const svid = (ports.pick ?? ((all) => all[0]))(context.svids)
      if (!svid) throw new MessageRefused('no_svids', 'the choice among the identities')
      held = { svid, context }
      attempts = 0
      turn('connected', null)
      ports.onUpdate?.(context)
      first.resolve()
    } catch (error) {
      if (!(error instanceof MessageRefused)) throw error
      // What is held goes on: a bad message takes nothing away.
      ports.onRefusal?.(error)
    }
  }
  const run = async () => {
    while (!signal.aborted) {
      last = await ports.api.watchX509(take, signal)
      if (signal.aborted) return
      if (last.code === codes.invalidArgument || last.code === codes.unimplemented) {
        turn('stopped', last)
        first.reject(new SourceEmpty(last.details))
        return
      }
      turn(last.code === codes.permissionDenied ? 'denied' : 'down', last)
      attempts++
      await ports.wait(Math.min(STEP_MS * attempts, WAIT_MS_MAX), signal)
    }
  }
  const over = run()
  const current = () => {
    if (signal.aborted) throw new SourceClosed()
    if (!held) throw new SourceEmpty(last.details)
    return held
  }
  return {
    ready: () => first.promise,
    context: current,
    bundleOf: (domain) => current().context.bundles.get(domain) ?? null,
    state: () => state,
    async close() {
      controller.abort()
      first.reject(new SourceClosed())
      await over
    },
  }
}
