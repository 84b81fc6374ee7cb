/** The HTTP client for addresses that users give: no way into our own network, bounded in time and size, no redirects. */
import { Agent } from 'undici'
import { refuseInsideTransaction } from './database/scope.ts'
import { exchange } from './exchange.ts'
import { makeOutbound, type Outbound, type OutboundOptions } from './outbound-client.ts'

export { type OutboundCode, OutboundError } from './outbound-address.ts'
export type { Outbound, OutboundOptions, OutboundReply, OutboundRequest } from './outbound-client.ts'

const CONNECTIONS_MAX = 8

/** Opens a client. */
export function openOutbound(options: OutboundOptions = {}): Outbound {
  return makeOutbound(options, (lookup, timeoutMs) => {
    // Checked where the connection is made, on the very addresses it will use: a name can't change in between.
    const agent = new Agent({
      connections: options.connections === undefined ? CONNECTIONS_MAX : options.connections,
      allowH2: false,
      connect: { lookup, timeout: timeoutMs },
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
    })
    return {
      exchange(url, request) {
        refuseInsideTransaction('A request to another host')
        return exchange(agent, url, request)
      },
      close: () => agent.destroy(),
    }
  })
}
