/** A TCP relay in front of a real server, which tests cut, freeze and mend. */

import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

export interface TcpProxy {
  /** The server's address with the relay's host and port. */
  readonly url: string
  /** Ends all connections and refuses new ones, as a killed server does. */
  cut(): Promise<void>
  /** Takes connections and bytes but passes nothing on, as a machine that has vanished. */
  freeze(): void
  /** Serves new connections again; frozen ones stay dead. */
  mend(): Promise<void>
  close(): Promise<void>
}

export async function openTcpProxy(target: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const lines = new Set<{ dead: boolean }>()
  let frozen = false
  const server = createServer((near) => {
    const line = { dead: frozen }
    lines.add(line)
    const far = connect(Number(port), hostname)
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (!line.dead) to.write(chunk)
      })
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        lines.delete(line)
        to.destroy()
      })
    }
  })
  const listen = (at: number) =>
    new Promise<void>((resolve) => server.listen(at, '127.0.0.1', () => resolve()))
  await listen(0)
  const own = (server.address() as AddressInfo).port
  const url = new URL(target)
  url.hostname = '127.0.0.1'
  url.port = String(own)
  const drop = () => {
    for (const socket of sockets) socket.destroy()
  }
  const shut = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      drop()
    })
  return {
    url: url.href,
    cut: shut,
    freeze() {
      frozen = true
      for (const line of lines) line.dead = true
    },
    async mend() {
      frozen = false
      if (!server.listening) await listen(own)
    },
    close: async () => {
      if (server.listening) await shut()
    },
  }
}
