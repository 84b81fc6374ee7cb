/** The connection of Redis that only listens; after a reconnect it asks for all its channels again. */
import type { Redis } from 'ioredis'

type Listener = (message: string) => void

export interface Subscriber {
  /** Listens; while Redis is away the channel is asked for as soon as it is back. */
  subscribe(channel: string, listener: Listener): Promise<() => Promise<void>>
  close(): Promise<void>
}

export function openSubscriber(client: Redis): Subscriber {
  const channels = new Map<string, Set<Listener>>()
  const ask = async (names: string[]) => {
    if (names.length === 0 || client.status !== 'ready') return
    // A connection that breaks now comes back as 'ready', which asks again.
    await client.subscribe(...names).catch(() => undefined)
  }
  client.on('error', () => undefined)
  client.on('ready', () => void ask([...channels.keys()]))
  client.on('message', (channel: string, message: string) => {
    for (const listener of channels.get(channel) ?? []) queueMicrotask(() => listener(message))
  })
  return {
    async subscribe(channel, listener) {
      const own: Listener = (message) => listener(message)
      const known = channels.get(channel)
      if (known) known.add(own)
      else {
        channels.set(channel, new Set([own]))
        await ask([channel])
      }
      return async () => {
        const set = channels.get(channel)
        if (!set?.delete(own) || set.size > 0) return
        channels.delete(channel)
        if (client.status === 'ready') await client.unsubscribe(channel).catch(() => undefined)
      }
    },
    async close() {
      channels.clear()
      client.disconnect()
    },
  }
}
