/** Opens the client of an EventStore over a fetch function: the in-process application or HTTP, the same bytes. */
import type { z } from 'zod'
import { refuseInsideTransaction } from '#core/platform/database/scope.ts'
import * as wire from '#core/wire/event-store.ts'
import {
  EventStoreAway,
  type EventStoreCall,
  type EventStoreClient,
  EventStoreRefusal,
} from './event-store-client.ts'

export interface EventStoreClientOptions {
  /** Shown as a bearer token; null where the connection's certificate speaks for the registry. */
  readonly token: string | null
  readonly fetch: (request: Request) => Response | Promise<Response>
  /** Of no weight in process. */
  readonly baseUrl?: string
}

const TIMEOUT_MS = 30_000
const AUDIT_TIMEOUT_MS = 600_000
/** Statuses that a repeat may change. */
const PASSING = new Set([401, 408, 425, 429])

export function openEventStoreClient(options: EventStoreClientOptions): EventStoreClient {
  const base = (options.baseUrl ?? 'http://event-store').replace(/\/$/, '')
  const request = (call: EventStoreCall, path: string, body: unknown, timeoutMs = TIMEOUT_MS) =>
    new Request(base + path, {
      method: body === undefined ? 'GET' : 'POST',
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.any([call.signal, AbortSignal.timeout(timeoutMs)]),
      headers: {
        'x-request-id': call.requestId,
        ...(options.token === null ? {} : { authorization: `Bearer ${options.token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    })
  const ask = async <S extends z.ZodType>(
    call: EventStoreCall,
    path: string,
    shape: S,
    body?: unknown,
    timeoutMs?: number,
  ): Promise<z.output<S>> => {
    refuseInsideTransaction('A call to the EventStore')
    const { status, text } = await send(options, request(call, path, body, timeoutMs))
    const json = parseJson(text)
    if (status === 200) {
      const parsed = shape.safeParse(json)
      if (parsed.success) return parsed.data
      throw new EventStoreAway('its answer could not be read', parsed.error)
    }
    const problem = typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : {}
    if (status >= 500 || PASSING.has(status) || typeof problem.code !== 'string')
      throw new EventStoreAway(`it answered ${status} ${String(problem.code ?? 'no problem document')}`)
    throw new EventStoreRefusal(status, problem)
  }
  return {
    append: (call, events) => ask(call, '/events', wire.AppendReply, { events }),
    proveConsistency: (call, first, second) =>
      ask(call, `/proofs/consistency?first=${first}&second=${second}`, wire.ConsistencyProof),
    findHead: (call, source) =>
      ask(call, `/events/head?source=${encodeURIComponent(source)}`, wire.SourceHead),
    audit: (call) => ask(call, '/audit', wire.Audit, undefined, AUDIT_TIMEOUT_MS),
    async ping(call) {
      refuseInsideTransaction('A call to the EventStore')
      try {
        return (await send(options, request(call, '/readyz', undefined))).status === 200
      } catch {
        return false
      }
    },
  }
}

async function send(
  options: EventStoreClientOptions,
  request: Request,
): Promise<{ status: number; text: string }> {
  try {
    const response = await options.fetch(request)
    return { status: response.status, text: await response.text() }
  } catch (error) {
    throw new EventStoreAway('nothing came back', error)
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
