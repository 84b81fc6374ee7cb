/** The verifier as anybody runs it, against the system as a user starts it: honest, tampered with, restored from a backup. */
import { execFile } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openSigner } from '#core/base/tlog/note.ts'
import { openPglite } from '#core/platform/database/pglite.ts'
import {
  dataFolder,
  freePort,
  PROCESS_OPERATOR_KEY,
  type Running,
  startProcess,
} from '#test/support/process.ts'

const folder = dataFolder()
const data = join(folder.path, 'data')
const backup = join(folder.path, 'backup')
const kept = join(folder.path, 'checkpoint')
const port = await freePort()
const log = `http://127.0.0.1:${port}/event-store`
let host: Running
let key: string

beforeAll(async () => {
  host = await startProcess(data, port)
  const info = (await (await fetch(log)).json()) as { key: string }
  key = info.key
}, 120_000)
afterAll(async () => {
  await host.stop('SIGKILL')
  folder.remove()
})

/** Runs the verifier. */
const verify = (...args: string[]): Promise<{ code: number; output: string }> =>
  new Promise((resolve) => {
    execFile(process.execPath, ['scripts/verify-log.ts', ...args], (error, output) =>
      resolve({ code: error ? Number(error.code) : 0, output }),
    )
  })
const sizeOf = async () => ((await (await fetch(log)).json()) as { size: number }).size

let changes = 0
/** Makes facts; resolves when the log holds them. */
async function act(times: number): Promise<number> {
  const before = await sizeOf()
  for (let i = 0; i < times; i++) {
    // Never the value that stands: that would be no change and no fact.
    const fee = `0.00${51 + changes++}`
    const body = { intra_registry_fee_rate: fee }
    const answer = await host.api.patch('/operator/settings', body, { token: PROCESS_OPERATOR_KEY })
    expect(answer.status).toBe(200)
  }
  await expect.poll(sizeOf, { timeout: 30_000 }).toBe(before + times)
  return before + times
}

describe('verify:log', () => {
  test('believes the log of a running system, and keeps its checkpoint', async () => {
    const size = await act(5)
    const { code, output } = await verify(log, key, kept)
    expect(output).toContain(`OK: ${size} entries give the root that was signed`)
    expect(code).toBe(0)
  }, 90_000)

  test('sees that the log goes on from the checkpoint seen before', async () => {
    await act(3)
    const { code, output } = await verify(log, key, kept)
    expect([code, output]).toEqual([0, expect.stringContaining('continues the checkpoint of 5 entries')])
  }, 90_000)

  test('does not believe another key, and says when it cannot tell', async () => {
    const other = openSigner(key.split('+')[0] as string, Buffer.alloc(32, 1)).verifier.text
    expect(await verify(log, other)).toEqual({
      code: 1,
      output: expect.stringContaining('not signed by the key'),
    })
    expect((await verify(log, 'no key')).code).toBe(2)
    expect((await verify('http://127.0.0.1:1/event-store', key)).code).toBe(2)
  }, 90_000)

  test('finds a log that was put back to an old backup', async () => {
    expect(await host.stop('SIGTERM')).toBe(0)
    cpSync(data, backup, { recursive: true })
    host = await startProcess(data, port)
    await act(2)
    expect((await verify(log, key, kept)).code).toBe(0)
    await host.stop('SIGKILL')
    rmSync(data, { recursive: true })
    cpSync(backup, data, { recursive: true })
    host = await startProcess(data, port)
    expect(await verify(log, key, kept)).toEqual({
      code: 1,
      output: expect.stringContaining('had 10 entries before and has 8 now'),
    })
    // Grown again to the same size, but with other events.
    await act(2)
    expect(await verify(log, key, kept)).toEqual({
      code: 1,
      output: expect.stringContaining('history was rewritten'),
    })
  }, 240_000)

  test('finds an entry that somebody changed past the triggers', async () => {
    await host.stop('SIGKILL')
    const db = await openPglite({ dataDir: join(data, 'pg') })
    await expect(db.query("update event_store.entries set entry = 'x' where index = 1")).rejects.toThrow(
      /append-only/,
    )
    await db.script(`alter table event_store.entries disable trigger all;
      update event_store.entries set entry = replace(convert_from(entry, 'UTF8'), 'registries', 'registrars')::bytea
      where index = 1;
      alter table event_store.entries enable trigger all`)
    await db.close()
    host = await startProcess(data, port)
    expect(await verify(log, key)).toEqual({
      code: 1,
      output: expect.stringContaining('the entries give another root than the one that was signed'),
    })
  }, 180_000)
})
