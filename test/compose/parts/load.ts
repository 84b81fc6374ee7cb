/** Light load on a stack: transfers one after the other, each sent again with its key until it is answered for good. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Api } from '#test/support/request.ts'

export interface Load {
  /** Ids of the transfers that were acknowledged. */
  readonly acknowledged: readonly string[]
  /** Answers that were no success, by status; 0: no answer. */
  readonly troubles: ReadonlyMap<number, number>
  stop(): Promise<void>
}

export interface Payment {
  readonly from: string
  readonly to: string
  readonly token: string
  readonly amount: string
}

const PAUSE_MS = 30

/** Starts it. */
export function startLoad(api: Api, { from, to, token, amount }: Payment): Load {
  const acknowledged: string[] = []
  const troubles = new Map<number, number>()
  let running = true
  const note = (status: number) => troubles.set(status, (troubles.get(status) ?? 0) + 1)
  const pay = async (key: string) => {
    for (;;) {
      const answer = await api
        .post('/transfers', { from_agent: from, to_agent: to, amount }, { token, key })
        .catch(() => null)
      if (answer?.status === 201) return void acknowledged.push(answer.body.id)
      note(answer?.status ?? 0)
      if (answer && answer.status < 500 && answer.status !== 429)
        throw new Error(`a transfer was refused: ${answer.text}`)
      await pause(PAUSE_MS * 5)
    }
  }
  const over = (async () => {
    for (let n = 0; running; n++) {
      await pay(`load-${n}-${crypto.randomUUID()}`)
      await pause(PAUSE_MS)
    }
  })()
  over.catch(() => undefined)
  return {
    acknowledged,
    troubles,
    async stop() {
      running = false
      await over
    },
  }
}
