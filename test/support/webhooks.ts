/** A system with a sink that its webhooks may reach, and the steps from a fact to a delivery. */
import { backgroundCall } from '#core/platform/background-call.ts'
import { openOutbound } from '#core/platform/outbound.ts'
import type { Emission } from '#core/platform/outbox.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { reactorStore } from '#core/registry/stream/reactor-store.ts'
import { deliverDue } from '#core/registry/webhooks/deliver-due.ts'
import { runReactor } from '#core/runtime/run-reactors.ts'
import queueWebhooks from '#functions/reactors/queue-webhooks.ts'
import { registerDeveloper, type TestDeveloper } from './accounts.ts'
import { journalOf } from './journal.ts'
import { openSink, type Sink } from './sink.ts'
import { type System, startSystem } from './system.ts'

export const ALLOWED = { WEBHOOK_ALLOWED_NETWORKS: '127.0.0.1/32' }

export interface WebhookWorld {
  readonly system: System
  readonly sink: Sink
  /** A background context; a test may replace parts of it. */
  open(parts?: Partial<RegistryContext>): RegistryContext
  /** Facts into the journal. @returns the head */
  tell(...events: Partial<Emission>[]): Promise<number>
  /** Runs the reactor to the head. */
  queue(): Promise<void>
  /** Delivers what is due now. */
  deliver(parts?: Partial<RegistryContext>): ReturnType<typeof deliverDue>
  /** A developer whose token is a key: sessions end when the clock is moved. */
  developer(): Promise<TestDeveloper>
  /** Deletes all webhooks of a caller. */
  clear(token: string): Promise<void>
  /** A webhook of a developer or operator. */
  make(token: string, body?: Record<string, unknown>): Promise<Made>
}
export interface Made {
  readonly id: string
  readonly secret: string
  readonly public_key: string
}

export async function startWebhooks(env: Record<string, string> = ALLOWED): Promise<WebhookWorld> {
  const system = await startSystem(env)
  const { registry, api } = system
  const sink = await openSink()
  const journal = journalOf(registry)
  const { signal } = new AbortController()
  const open = (parts: Partial<RegistryContext> = {}): RegistryContext => ({
    ...registry,
    ...backgroundCall(registry, 'test', signal),
    ...parts,
  })
  return {
    system,
    sink,
    open,
    tell: (...events) => journal.tell(...events),
    async queue() {
      while ((await runReactor(open(), reactorStore, 'queue-webhooks', queueWebhooks)).more);
    },
    deliver: (parts) => deliverDue(open(parts)),
    async developer() {
      const developer = await registerDeveloper(system)
      const wish = { name: 'test', scopes: ['*'] }
      const { secret } = (await api.post('/auth/api-keys', wish, { token: developer.token })).body
      return { ...developer, token: secret }
    },
    async clear(token) {
      const { items } = (await api.get('/webhooks', { token })).body
      for (const { id } of items) await api.delete(`/webhooks/${id}`, { token })
    },
    async make(token, body = {}) {
      const wish = { url: sink.url(), types: ['agent.*'], ...body }
      const answer = await api.post('/webhooks', wish, { token })
      if (answer.status !== 201) throw new Error(`webhooks: ${answer.status} ${answer.text}`)
      return answer.body
    },
  }
}

/** A client for the sink with a short timeout. */
export const quickOutbound = (timeoutMs = 300) =>
  openOutbound({ allow: ['127.0.0.1/32'], allowHttp: true, ports: 'any', timeoutMs, connections: null })
