/** The operator's commands as a process: what they write, what they refuse, what they print. */
import { execFile } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { SMTPServer } from 'smtp-server'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { FRAME_SECRETS, judgeSecrets, readEnv, SECRETS } from '../../../containers/operate/env-file.ts'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'operate-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const main = new URL('../../../containers/operate/main.ts', import.meta.url).pathname

async function operate(
  args: string[],
  { input = '', env = {} }: { input?: string; env?: Record<string, string> } = {},
) {
  const child = promisify(execFile)(process.execPath, [main, ...args], {
    env: { PATH: process.env.PATH ?? '', ...env },
    cwd: folder,
  })
  child.child.stdin?.end(input)
  return child.then(
    ({ stdout, stderr }) => ({ code: 0, output: stdout, errors: stderr }),
    (error) => ({
      code: error.code as number,
      output: error.stdout as string,
      errors: error.stderr as string,
    }),
  )
}

test('without a known word it prints what it can do', async () => {
  expect((await operate([])).output).toContain('boot-timeline')
  expect(await operate(['guess'])).toMatchObject({ code: 2, errors: expect.stringContaining('Usage') })
  expect(await operate(['init', '--guess'])).toMatchObject({ code: 2 })
})

test('init writes every secret once, fresh, and readable for its owner alone', async () => {
  const made = await operate([
    'init',
    '--name',
    'north',
    '--url',
    'https://registry.example.com',
    '--folder',
    folder,
  ])
  expect(made).toMatchObject({ code: 0, output: expect.stringContaining('docker compose --env-file') })
  const path = join(folder, '.env.operator')
  const text = readFileSync(path, 'utf8')
  const values = readEnv(text)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(judgeSecrets(values)).toEqual([])
  expect(values).toMatchObject({ REGISTRY_NAME: 'north', PUBLIC_URL: 'https://registry.example.com' })
  // Nothing that opens a door is printed.
  for (const name of Object.keys(SECRETS)) expect(made.output).not.toContain(values[name])
  const again = await operate(['init', '--name', 'south', '--folder', folder])
  expect(again).toMatchObject({ code: 1, output: expect.stringContaining('nothing was written') })
  expect(readFileSync(path, 'utf8')).toBe(text)
})

test('init --frame writes the secrets of a mainframe once, and every name that its stack asks for', async () => {
  const made = await operate(['init', '--frame', '--folder', folder])
  expect(made.code).toBe(0)
  const path = join(folder, '.env.frame')
  const values = readEnv(readFileSync(path, 'utf8'))
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const compose = readFileSync(join(main, '../../compose.frame.yaml'), 'utf8')
  const needed = [...compose.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name]) => name as string)
  expect(needed.length).toBeGreaterThan(10)
  for (const name of needed) expect(values[name], name).toBeTruthy()
  const secrets = FRAME_SECRETS.map((name) => values[name])
  expect(new Set(secrets).size).toBe(FRAME_SECRETS.length)
  for (const secret of secrets) expect(made.output).not.toContain(secret)
  expect(await operate(['init', '--frame', '--folder', folder])).toMatchObject({ code: 1 })
})

test('lock-images writes what was pulled, keeps what it was not told of, and doctor reads it', async () => {
  const path = join(folder, 'images.lock.env')
  const image = (name: string, letter: string) => ({
    RepoTags: [`${name}:1`],
    RepoDigests: [`${name}@sha256:${letter.repeat(64)}`],
  })
  const lock = (...images: object[]) =>
    operate(['lock-images', '--file', path], { input: JSON.stringify(images) })
  expect((await lock(image('postgres', 'a'), image('redis', 'b'))).code).toBe(0)
  const built = { RepoTags: ['nginx:1.25-alpine'], RepoDigests: [] }
  const partly = await lock(image('redis', 'c'), built)
  expect(partly).toMatchObject({
    code: 1,
    output: expect.stringContaining('nginx:1.25-alpine has no digest'),
  })
  expect(readEnv(readFileSync(path, 'utf8'))).toEqual({
    POSTGRES_IMAGE: `postgres:1@sha256:${'a'.repeat(64)}`,
    REDIS_IMAGE: `redis:1@sha256:${'c'.repeat(64)}`,
  })
  expect((await lock(built)).output).toContain('nothing was written')
  expect(await operate(['lock-images'])).toMatchObject({ code: 2 })
  await operate(['init', '--folder', folder])
  const { output } = await operate([
    'doctor',
    '--env',
    join(folder, '.env.operator'),
    '--agent',
    folder,
    '--json',
  ])
  const { hint } = JSON.parse(output).findings.find(
    ({ check }: { check: string }) => check === 'pinned images',
  )
  expect(hint).toContain('nginx:1.25-alpine')
  expect(hint).not.toContain('postgres')
})

test('ping asks for a peer that FEDERATION_PEERS names, and tells who that is', async () => {
  const env = {
    IDENTITY_DIR: folder,
    FEDERATION_CONFIG_DIR: folder,
    FEDERATION_PROXY_URL: 'http://127.0.0.1:1',
    FEDERATION_PROXY_TOKEN: 'proxy-token-of-a-test_0123456789',
    FEDERATION_PEERS: '[{"name":"hub","spiffe_id":"spiffe://a/registry/hub","url":"https://hub.example"}]',
  }
  const unknown = await operate(['ping', 'other'], { env })
  expect(unknown).toMatchObject({ code: 2, errors: expect.stringContaining('FEDERATION_PEERS names hub') })
  const away = await operate(['ping', 'hub'], { env })
  expect(away).toMatchObject({ code: 1, output: expect.stringContaining('does not answer') })
})

test('init refuses a name or an address that the registry would refuse, and writes nothing', async () => {
  for (const args of [
    ['--name', 'North!'],
    ['--url', 'ftp://x'],
  ])
    expect(await operate(['init', ...args, '--folder', folder])).toMatchObject({ code: 2 })
  expect(existsSync(join(folder, '.env.operator'))).toBe(false)
})

test('init refuses to make new secrets beside volumes that were made with others', async () => {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'docker'), '#!/bin/sh\necho ninefold_db-data\n')
  chmodSync(join(bin, 'docker'), 0o755)
  const env = { PATH: `${bin}:${process.env.PATH}` }
  const refused = await operate(['init', '--folder', folder], { env })
  expect(refused).toMatchObject({ code: 1, output: expect.stringContaining('ninefold_db-data') })
  expect(existsSync(join(folder, '.env.operator'))).toBe(false)
})

test('doctor finds nothing wrong with what init wrote but what only the operator knows', async () => {
  await operate(['init', '--name', 'north', '--folder', folder])
  const { output } = await operate([
    'doctor',
    '--env',
    join(folder, '.env.operator'),
    '--agent',
    join(folder, 'agent'),
    '--json',
  ])
  const { findings } = JSON.parse(output)
  const states = Object.fromEntries(
    findings.map(({ check, cause }: { check: string; cause: string }) => [check, cause]),
  )
  expect(states).toMatchObject({
    secrets: 'ok',
    settings: 'ok',
    mail: 'not_configured',
    'key of spire-agent': 'missing',
  })
  for (const { state, hint } of findings) if (state !== 'ok') expect(hint.length).toBeGreaterThan(10)
})

test('doctor tells of every bad value with its name, and never the secret itself', async () => {
  await operate(['init', '--folder', folder])
  const path = join(folder, '.env.operator')
  const bad = readFileSync(path, 'utf8')
    .replace(/^REDIS_PASSWORD=.*/m, 'REDIS_PASSWORD=short')
    .replace(/^PG_PASS_TEG=.*/m, 'PG_PASS_TEG=a@b:c/with-strange-characters')
    .replace(/^SECRET_KEY=.*/m, '')
    .replace(/^INTRA_REGISTRY_FEE_RATE=.*/m, 'INTRA_REGISTRY_FEE_RATE=0.9')
  writeFileSync(path, bad)
  chmodSync(path, 0o644)
  const { code, output } = await operate(['doctor', '--env', path, '--agent', folder])
  expect(code).toBe(1)
  for (const words of [
    'REDIS_PASSWORD: must have',
    'PG_PASS_TEG: may have',
    'SECRET_KEY: is missing',
    '0.05 (5.0 %)',
    'chmod 600',
  ])
    expect(output).toContain(words)
  expect(output).not.toContain('strange-characters')
})

test('migrate and mail-test say what they need', async () => {
  expect(await operate(['migrate'])).toMatchObject({
    code: 2,
    errors: expect.stringContaining('DATABASE_DIRECT_URL'),
  })
  const env = { TEG_DATABASE_DIRECT_URL: 'postgres://owner@127.0.0.1:1/teg', MINTING_AUTHORITY: 'mine' }
  expect(await operate(['migrate'], { env })).toMatchObject({
    code: 2,
    errors: expect.stringContaining('MINTING_AUTHORITY must be disabled or teg-layer'),
  })
  expect(await operate(['mail-test', 'me@example.com'])).toMatchObject({
    code: 2,
    errors: expect.stringContaining('SMTP_URL'),
  })
  const away = await operate(['mail-test', 'me@example.com'], { env: { SMTP_URL: 'smtp://127.0.0.1:1' } })
  expect(away.code).toBe(1)
  expect(JSON.parse(away.output)).toMatchObject({
    ok: false,
    hint: expect.stringContaining('nobody answers'),
  })
})

test('mail-test sends a mail', async () => {
  let got = ''
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS', 'AUTH'],
    onData(stream, _session, done) {
      stream.on('data', (chunk) => {
        got += chunk
      })
      stream.on('end', () => done())
    },
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.server.address() as { port: number }
  const sent = await operate(['mail-test', 'me@example.com'], {
    env: { SMTP_URL: `smtp://127.0.0.1:${port}` },
  })
  await new Promise<void>((resolve) => server.close(() => resolve()))
  expect([sent.code, JSON.parse(sent.output).ok]).toEqual([0, true])
  expect(got).toContain('Ninefold: a test mail')
})
