import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { freePort } from '#test/support/process.ts'

const OPERATOR = 'operator-key-of-the-copy-0123456789'
const copy = mkdtempSync(join(tmpdir(), 'ninefold-copy-'))
afterAll(() => rmSync(copy, { recursive: true, force: true }))

interface Block {
  readonly path: string
  /** The table that the block is a line of; null: the block is a file. */
  readonly table: string | null
  readonly text: string
}

/** The blocks of the page that say where they belong. */
const blocks = [
  ...readFileSync('docs/faas.md', 'utf8').matchAll(/```ts\n\/\/ ([\w./-]+)(?:: (\w+))?\n([\s\S]*?)```/g),
].map(([, path = '', table, text = '']): Block => ({ path, table: table ?? null, text }))

function apply({ path, table, text }: Block): void {
  const file = join(copy, path)
  if (table === null) {
    writeFileSync(file, text, { flag: 'wx' })
    return
  }
  const before = readFileSync(file, 'utf8')
  const start = `export const ${table} = {\n`
  if (!before.includes(start)) throw new Error(`${path} has no ${table}`)
  writeFileSync(file, before.replace(start, start + text))
}

const node = (args: string[], env: Record<string, string> = {}) =>
  execFileSync(process.execPath, args, {
    cwd: copy,
    env: { PATH: process.env.PATH, ...env },
    encoding: 'utf8',
  })

describe('adding a group, a task and a reactor as docs/faas.md says', () => {
  let host: ChildProcess
  let url = ''
  let output = ''
  beforeAll(async () => {
    for (const name of ['core', 'functions', 'schedules', 'containers', 'stacks', 'scripts', 'package.json'])
      cpSync(name, join(copy, name), { recursive: true })
    symlinkSync(resolve('node_modules'), join(copy, 'node_modules'))
    for (const block of blocks) apply(block)
    const port = await freePort()
    url = `http://127.0.0.1:${port}`
    host = spawn(process.execPath, ['containers/function-host/main.ts'], {
      cwd: copy,
      env: {
        PATH: process.env.PATH,
        DATA_DIR: join(copy, 'data'),
        REGISTRY_PORT: String(port),
        METRICS_PORT: '0',
        BIND_ADDRESS: '127.0.0.1',
        OPERATOR_API_KEY: OPERATOR,
      },
    })
    host.stdout?.on('data', (chunk) => (output += chunk))
    host.stderr?.on('data', (chunk) => (output += chunk))
    for (;;) {
      if (
        await fetch(`${url}/readyz`).then(
          ({ ok }) => ok,
          () => false,
        )
      )
        return
      if (host.exitCode !== null) throw new Error(`The host did not start:\n${output}`)
      await wait(50)
    }
  }, 100_000)
  afterAll(async () => {
    const ended = new Promise((done) => host?.once('exit', done))
    host?.kill('SIGTERM')
    await ended
  })
  const operator = { headers: { authorization: `Bearer ${OPERATOR}` } }

  test('takes three files and three lines', () => {
    expect(blocks.map(({ path, table }) => [path, table])).toEqual([
      ['functions/registry/hello.ts', null],
      ['functions/index.ts', 'registryDoors'],
      ['schedules/count-lines.ts', null],
      ['schedules/index.ts', 'timetable'],
      ['functions/reactors/note-agents.ts', null],
      ['functions/reactors/index.ts', 'reactions'],
    ])
  })

  test('the host answers the group, leads the task and runs the reactor', async () => {
    expect(await (await fetch(`${url}/api/v1/hello/world`)).json()).toEqual({ hello: 'world' })
    const run = await fetch(`${url}/api/v1/operator/tasks/count_lines/run`, { method: 'POST', ...operator })
    expect(run.status).toBeLessThan(300)
    const state = async () => {
      const runs = await fetch(`${url}/api/v1/operator/tasks/count_lines/runs`, operator)
      return ((await runs.json()) as { items: { state: string }[] }).items.map((one) => one.state)
    }
    await expect.poll(state, { timeout: 20_000 }).toContain('completed')
    const reactors = await (await fetch(`${url}/api/v1/operator/reactors`, operator)).text()
    expect(reactors).toMatch(/note.agents/)
  })

  test('each has its bundle', () => {
    const told = node([
      'stacks/bundle.ts',
      'lambda',
      'registry-hello',
      'task-count-lines',
      'reactor-note-agents',
    ])
    expect(told.match(/^dist\/lambda\/\S+ {2}\d+ kB/gm)).toHaveLength(3)
  })

  test('the reference describes the group, and a handler is run as Lambda would', () => {
    const event = join(copy, 'event.json')
    writeFileSync(event, JSON.stringify({ path: '/openapi.json' }))
    const result = JSON.parse(node(['scripts/invoke.ts', 'pages', event]))
    expect(result.statusCode).toBe(200)
    expect(Object.keys(JSON.parse(result.body).paths)).toContain('/api/v1/hello/{name}')
  })

  test('a handler without its configuration says what is missing', () => {
    const event = join(copy, 'hello.json')
    writeFileSync(event, JSON.stringify({ path: '/api/v1/hello/world' }))
    expect(() => node(['scripts/invoke.ts', 'hello', event])).toThrow(
      /DATABASE_URL: is required under NINEFOLD_PROFILE=faas/,
    )
    expect(() => node(['scripts/invoke.ts', 'nothing'])).toThrow(/There is no function nothing/)
  })
})
