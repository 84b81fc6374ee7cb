/** The system as a user starts it: the host as a process of its own, on a data folder, reached over sockets. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { type Api, makeApi } from './request.ts'

export const PROCESS_OPERATOR_KEY = 'operator-key-of-a-process-0123456789'
const START_TIMEOUT_MS = 100_000

export interface Running {
  readonly url: string
  readonly api: Api
  readonly pid: number
  readonly output: () => string
  /** Ends it by a signal. @returns the exit code, null when the signal killed it */
  stop(signal: NodeJS.Signals): Promise<number | null>
}

/** A folder for data that is removed by `remove`. */
export function dataFolder(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'ninefold-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

/** A free TCP port. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number }
      server.close(() => resolve(port))
    })
  })
}

/** Starts the host and waits until it is ready. */
export async function startProcess(
  dataDir: string,
  port: number,
  env: Record<string, string> = {},
): Promise<Running> {
  let output = ''
  const child: ChildProcess = spawn(process.execPath, ['containers/function-host/main.ts'], {
    env: {
      PATH: process.env.PATH,
      DATA_DIR: dataDir,
      REGISTRY_PORT: String(port),
      METRICS_PORT: '0',
      BIND_ADDRESS: '127.0.0.1',
      OPERATOR_API_KEY: PROCESS_OPERATOR_KEY,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout?.on('data', (chunk) => {
    output += chunk
  })
  child.stderr?.on('data', (chunk) => {
    output += chunk
  })
  const ended = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)))
  const url = `http://127.0.0.1:${port}`
  const deadline = performance.now() + START_TIMEOUT_MS
  for (;;) {
    const ready = await fetch(`${url}/readyz`).then(
      (reply) => reply.ok,
      () => false,
    )
    if (ready) break
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`The host did not start:\n${output}`)
    await wait(50)
  }
  return {
    url,
    pid: child.pid as number,
    api: makeApi((request) => fetch(request), undefined, url),
    output: () => output,
    async stop(signal) {
      child.kill(signal)
      return ended
    },
  }
}

/** The token in the newest mail to an address; waits up to two seconds, as the contract of the mail folder says. */
export async function readMailToken(dataDir: string, address: string): Promise<string> {
  const folder = join(dataDir, 'mail')
  for (let attempt = 0; attempt < 100; attempt++) {
    const mails = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.eml')) : []
    for (const name of mails.sort().reverse()) {
      const text = readFileSync(join(folder, name), 'utf8')
      if (!new RegExp(`^To: .*${address}`, 'im').test(text)) continue
      const token = /\?token=(?:3D)?([A-Za-z0-9._~-]+)/.exec(text.replaceAll(/=\r?\n/g, ''))?.[1]
      if (token) return token
    }
    await wait(20)
  }
  throw new Error(`no mail to ${address}`)
}
