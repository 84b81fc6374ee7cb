/** A Redis server of a test's own, which it may flush, pause, fill, kill and start again. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { freePort } from '#test/support/process.ts'

const START_TIMEOUT_MS = 15_000

export interface OwnRedis {
  readonly url: string
  /** Runs a command on a connection of its own. */
  command(...words: (string | number)[]): Promise<unknown>
  /** Kills it; what it held is gone. */
  kill(): Promise<void>
  /** Starts it again on the same port. */
  start(): Promise<void>
  stop(): Promise<void>
}

export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0

/** Starts it with the stack's policy; `memory` as in maxmemory. */
export async function startRedis(memory = '128mb'): Promise<OwnRedis> {
  const port = await freePort()
  const url = `redis://127.0.0.1:${port}`
  let server: ChildProcess | null = null
  const command = async (...words: (string | number)[]) => {
    const client = new Redis(url, { retryStrategy: () => null, maxRetriesPerRequest: 0 })
    client.on('error', () => undefined)
    try {
      return await client.call(...(words.map(String) as [string, ...string[]]))
    } finally {
      client.disconnect()
    }
  }
  const start = async () => {
    const given = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no']
    server = spawn('redis-server', [...given, '--maxmemory', memory, '--maxmemory-policy', 'allkeys-lru'], {
      stdio: 'ignore',
      cwd: '/tmp',
    })
    const deadline = performance.now() + START_TIMEOUT_MS
    while ((await command('PING').catch(() => null)) !== 'PONG') {
      if (performance.now() > deadline) throw new Error('Redis did not start')
      await wait(20)
    }
  }
  const kill = async () => {
    const ending = server
    server = null
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return
    await new Promise<void>((resolve) => {
      ending.once('exit', () => resolve())
      ending.kill('SIGKILL')
    })
  }
  await start()
  return { url, command, kill, start, stop: kill }
}
