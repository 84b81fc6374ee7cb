/** A payer that pays one small transfer after another over whichever host answers; each order is asked for until it is settled. */
import { setTimeout as wait } from 'node:timers/promises'

export interface Payer {
  /** Ids of transfers by the key of their order. */
  readonly paid: ReadonlyMap<string, string>
  stop(): Promise<void>
}

const PAUSE_MS = 30
const TIMEOUT_MS = 10_000

/** Starts it. */
export function payOnAndOn(
  hosts: readonly string[],
  token: string,
  agents: { from: string; to: string },
): Payer {
  const paid = new Map<string, string>()
  let over = false
  const body = JSON.stringify({ from_agent: agents.from, to_agent: agents.to, amount: '0.01' })
  const ask = async (host: string, key: string): Promise<string | null> => {
    const answer = await fetch(`${host}/api/v1/transfers`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    const text = await answer.text()
    if (answer.status === 201) return JSON.parse(text).id
    if (answer.status >= 500 || answer.status === 409) return null
    throw new Error(`a transfer was refused: ${answer.status} ${text}`)
  }
  const run = async () => {
    for (let n = 0; !over; n++) {
      const key = `order-${n}`
      for (let turn = n; !paid.has(key); turn++) {
        const id = await ask(hosts[turn % hosts.length] as string, key).catch((error) => {
          if (String(error).includes('refused:')) throw error
          return null
        })
        if (id !== null) paid.set(key, id)
        else if (over) return
        await wait(PAUSE_MS)
      }
    }
  }
  const running = run()
  running.catch(() => undefined)
  return {
    paid,
    async stop() {
      over = true
      await running
    },
  }
}
