/** The way of Neon's driver to a database: Neon's own edge, or the bridge of a Ninefold host with its token. */

export interface NeonWay {
  /** postgres:// address of the database, as it is known behind the bridge. */
  url: string
  bridge?: Bridge
}

export interface Bridge {
  /** http(s):// address of the bridge. */
  readonly url: string
  readonly token: string
}

/** What both ends call the protocol of a socket through the bridge; the token travels beside it, never in an address. */
export const BRIDGE_PROTOCOL = 'ninefold-bridge'
/** What stands before the token among the protocols that a client offers. */
export const BRIDGE_TOKEN_PREFIX = 'token.'

interface Proxy {
  readonly host: string
  readonly isSecure: boolean
  /** A WebSocket that shows the token. */
  readonly socket: new (
    url: string,
  ) => WebSocket
}

export function proxyOf({ url, token }: Bridge): Proxy {
  const at = new URL(url)
  return {
    host: at.host,
    isSecure: at.protocol === 'https:',
    socket: class extends WebSocket {
      constructor(address: string) {
        super(address, [BRIDGE_PROTOCOL, `${BRIDGE_TOKEN_PREFIX}${token}`])
      }
    },
  }
}
