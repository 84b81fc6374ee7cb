/** The same client on Workers, whose host looks names up itself and lets nothing into private networks. */
import { refuseInsideTransaction } from './database/scope.ts'
import { checkUrl, OutboundError, readAllowed } from './outbound-address.ts'
import type { Outbound, OutboundOptions } from './outbound-client.ts'

const TIMEOUT_MS = 10_000
const BYTES_MAX = 1024 * 1024

/** Opens a client. What a name leads to is the host's to guard: a Worker's fetch reaches public addresses only. */
export function openOutbound(options: OutboundOptions = {}): Outbound {
  const { allowHttp = false, timeoutMs = TIMEOUT_MS, bytesMax = BYTES_MAX } = options
  const ports = options.ports ?? (allowHttp ? [443, 8443, 80, 8080] : [443, 8443])
  const permits = readAllowed(options.allow ?? [])
  const check = (url: string) => checkUrl(url, allowHttp, ports, permits)
  return {
    check: (url) => void check(url),
    checkName: async (url) => void check(url),
    async send({ url, method = 'GET', headers = {}, body, signal, truncate = false }) {
      refuseInsideTransaction('A request to another host')
      check(url)
      const late = AbortSignal.timeout(timeoutMs)
      const either = signal ? AbortSignal.any([signal, late]) : late
      try {
        const asked = { method, headers, body: (body ?? null) as string | null, signal: either }
        const reply = await fetch(url, { ...asked, redirect: 'manual' })
        const bytes = await take(reply, bytesMax, truncate)
        return { status: reply.status, headers: Object.fromEntries(reply.headers), body: bytes }
      } catch (error) {
        if (signal?.aborted) throw signal.reason
        if (error instanceof OutboundError) throw error
        if (late.aborted) throw new OutboundError('timed_out', `did not answer within ${timeoutMs} ms`, error)
        throw new OutboundError('unreachable', 'could not be reached', error)
      }
    },
    close: async () => undefined,
  }
}

async function take(reply: Response, bytesMax: number, truncate: boolean): Promise<Uint8Array> {
  const reader = reply.body?.getReader()
  const chunks: Uint8Array[] = []
  let size = 0
  for (let part = await reader?.read(); part && !part.done; part = await reader?.read()) {
    size += part.value.byteLength
    chunks.push(part.value.subarray(0, part.value.byteLength - Math.max(0, size - bytesMax)))
    if (size <= bytesMax) continue
    await reader?.cancel().catch(() => undefined)
    if (truncate) break
    throw new OutboundError('too_large', `answered with more than ${bytesMax} bytes`)
  }
  return Uint8Array.from(Buffer.concat(chunks))
}
