import { type ChildProcess, spawn } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '#test/support/process.ts'

const WAIT = { timeout: 60_000, interval: 100 }

describe('npm run dev', { timeout: 150_000 }, () => {
  const copy = mkdtempSync(join(tmpdir(), 'ninefold-dev-'))
  const handler = join(copy, 'functions/registry/health.ts')
  let dev: ChildProcess
  let port = 0
  let output = ''
  const ended = () => new Promise<number | null>((done) => dev.once('exit', (code) => done(code)))
  const count = (words: string) => output.split(words).length - 1
  const alive = () =>
    fetch(`http://127.0.0.1:${port}/livez`).then(
      async (reply) => ((await reply.json()) as { status: string }).status,
      () => 'away',
    )
  /** As editors do that write a new file and put it in the place of the old one. */
  const replace = (text: string) => {
    writeFileSync(`${handler}.new`, text)
    renameSync(`${handler}.new`, handler)
  }

  beforeAll(async () => {
    for (const name of ['core', 'functions', 'schedules', 'containers', 'scripts', 'package.json'])
      cpSync(name, join(copy, name), { recursive: true })
    symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
    port = await freePort()
    const script = JSON.parse(readFileSync('package.json', 'utf8')).scripts.dev as string
    dev = spawn(process.execPath, script.split(' ').slice(1), {
      cwd: copy,
      env: {
        PATH: process.env.PATH,
        DATA_DIR: join(copy, 'data'),
        REGISTRY_PORT: String(port),
        METRICS_PORT: '0',
        BIND_ADDRESS: '127.0.0.1',
      },
    })
    dev.stdout?.on('data', (chunk) => (output += chunk))
    dev.stderr?.on('data', (chunk) => (output += chunk))
  })
  afterAll(() => {
    if (dev.exitCode === null) dev.kill('SIGTERM')
    rmSync(copy, { recursive: true, force: true, maxRetries: 5 })
  })

  test('serves a changed handler, waits where it is broken, goes on where it is mended, and keeps what was stored', async () => {
    await expect.poll(alive, WAIT).toBe('alive')
    const text = readFileSync(handler, 'utf8')
    const changed = text.replaceAll("'alive'", "'edited'")
    expect(changed).not.toBe(text)
    replace(changed)
    await expect.poll(alive, WAIT).toBe('edited')
    expect(output).toContain(`${join('functions', 'registry', 'health.ts')} has changed`)
    // In place now, in a file that has been replaced before.
    appendFileSync(handler, 'const broken = = 1\n')
    await expect.poll(() => count('starts again with the next change'), WAIT).toBe(1)
    expect(await alive()).toBe('away')
    expect(output).toContain('health.ts:')
    writeFileSync(handler, text)
    await expect.poll(alive, WAIT).toBe('alive')
    // It is told once for a database.
    expect(count('Operator key')).toBe(1)
  })

  test('ends with ctrl-C, and leaves the port free', async () => {
    const end = ended()
    dev.kill('SIGINT')
    expect(await end).toBe(0)
    expect(await alive()).toBe('away')
  })
})
