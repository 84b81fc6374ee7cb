/** HTTPS under a workload identity: the certificate is read from a folder that another process keeps fresh. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { Agent, fetch as send } from 'undici'
import { refuseInsideTransaction } from './database/scope.ts'

/** The identity has not been delivered yet, or was taken away: nothing is sent without it. */
export class IdentityAbsent extends Error {
  readonly code = 'identity_absent'
  constructor(folder: string, cause: unknown) {
    super(`no identity in ${folder}`, { cause })
    this.name = 'IdentityAbsent'
  }
}

export interface IdentityFetch {
  /** @throws IdentityAbsent */
  fetch(request: Request): Promise<Response>
  close(): Promise<void>
}

interface Held {
  readonly version: string
  readonly agent: Agent
}

/**
 * Opens it on a folder with svid.pem, svid_key.pem and bundle.pem (the authorities that the other side is checked
 * against). A new certificate is used from the next request on.
 */
export function openIdentityFetch(folder: string): IdentityFetch {
  let held: Held | null = null
  const current = async (): Promise<Agent> => {
    try {
      const { mtimeMs, ino } = await stat(join(folder, 'svid.pem'))
      const version = `${ino} ${mtimeMs}`
      if (held?.version === version) return held.agent
      const [cert, key, ca] = await Promise.all(
        ['svid.pem', 'svid_key.pem', 'bundle.pem'].map((name) => readFile(join(folder, name), 'utf8')),
      )
      const before = held
      held = {
        version,
        agent: new Agent({ connect: { cert, key, ca } as Agent.Options['connect'] & object }),
      }
      void before?.agent.close().catch(() => undefined)
      return held.agent
    } catch (error) {
      throw new IdentityAbsent(folder, error)
    }
  }
  return {
    async fetch(request) {
      refuseInsideTransaction('A request to another host')
      const dispatcher = await current()
      const body = request.method === 'GET' ? null : await request.text()
      const { url, method, signal } = request
      const headers = Object.fromEntries(request.headers)
      const reply = await send(url, { method, headers, body, signal, dispatcher, redirect: 'error' })
      return new Response(await reply.text(), { status: reply.status })
    },
    async close() {
      await held?.agent.destroy()
    },
  }
}
