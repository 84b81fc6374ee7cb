/** A TEG that has ever minted keeps its registry out of the federated mode: at the start, later, and in every audit. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { type ConfigError, readConfig } from '#core/platform/config.ts'
import { silentLog } from '#core/platform/log.ts'
import { auditSupply } from '#core/registry/audit/audit-supply.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { relayEvents } from '#core/registry/stream/relay-events.ts'
import { refuseMinted } from '#host/refuse-minted.ts'
import { registryContext } from '#test/support/context.ts'
import { dataFolder, freePort, PROCESS_OPERATOR_KEY, startProcess } from '#test/support/process.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'
import { burn, mint, newAgent, SERVICE_TOKEN, startTeg, type TestTeg } from '#test/support/teg.ts'

const federated = { IDENTITY_DIR: '/identity' }
const minted = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
await minted.run(mint(null, '1'))
const never = await startTeg()

/** The registry's start over a TEG that answers once `isUp`. */
function start(teg: TestTeg, env: Record<string, string>, isUp = () => true) {
  const state = { asked: 0, ended: 0, waits: 0 }
  const client = openTegClient({
    token: SERVICE_TOKEN,
    newId: newAgent,
    fetch: (request) => {
      if (!isUp()) throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' })
      state.asked++
      return teg.fetch(request)
    },
  })
  const done = refuseMinted(
    { config: readConfig(env), teg: client, log: silentLog },
    {
      newId: newAgent,
      end: () => state.ended++,
      wait: async () => {
        state.waits++
        await setImmediate()
      },
    },
  )
  return { state, done }
}
const words = (promise: Promise<unknown>) =>
  promise.then(
    () => 'started',
    (error) => (error as ConfigError).faults.join(),
  )

test('in the federated mode a TEG that has minted is refused, and one that may; standalone neither', async () => {
  expect(await words(start(minted, federated).done)).toMatch(
    /^MINTING_AUTHORITY: .*has minted.*can not join a federation.*IDENTITY_DIR/,
  )
  const may = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
  expect(await words(start(may, federated).done)).toMatch(/^MINTING_AUTHORITY: .*runs with teg-layer/)
  expect(await words(start(minted, {}).done)).toBe('started')
  expect(await words(start(never, federated).done)).toBe('started')
})

test('what was minted once is refused for ever, whatever the TEG runs with now', async () => {
  const again = await startTeg({}, minted.db)
  expect(await again.client.minting({ requestId: 'x', signal: AbortSignal.timeout(5000) })).toEqual({
    authority: false,
    ever_minted: true,
  })
  expect(await words(start(again, federated).done)).toContain('has minted')
  const burnt = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
  await burnt.run(burn(null, '1'))
  expect(await words(start(await startTeg({}, burnt.db), federated).done)).toBe('started')
})

test('a TEG that is away does not keep the registry from starting; its word ends it when it comes', async () => {
  for (const [teg, ended] of [
    [await startTeg({}, minted.db), 1],
    [never, 0],
  ] as const) {
    let up = false
    const { state, done } = start(teg, federated, () => up)
    const stop = await done
    while (state.waits < 2) await setImmediate()
    expect(state.ended).toBe(0)
    up = true
    // Once answered it asks no more.
    for (let waits = -1; state.asked === 0 || waits < state.waits; ) {
      waits = state.waits
      for (let turn = 0; turn < 100; turn++) await setImmediate()
    }
    await stop()
    expect([state.ended, state.asked]).toEqual([ended, 1])
  }
})

test('a stop ends the questions', async () => {
  const { state, done } = start(minted, federated, () => false)
  await (await done)()
  expect(state.ended).toBe(0)
})

test('operators see it in the overview; an audit in the federated mode is a mismatch for nothing else', async () => {
  const system = await startSystem({ MINTING_AUTHORITY: 'teg-layer' })
  const token = OPERATOR_KEY
  const overview = async () => (await system.api.get('/operator/overview', { token })).body.minting
  expect(await overview()).toEqual({ authority: true, ever_minted: false })
  const order = { amount: '5', memo: 'x' }
  expect((await system.api.post('/operator/mint', order, { token, key: newAgent() })).status).toBe(200)
  expect(await overview()).toEqual({ authority: true, ever_minted: true })
  const ctx = registryContext(system.registry)
  while ((await relayEvents(ctx)).more);
  expect((await auditSupply(ctx)).status).toBe('ok')
  const report = await auditSupply({ ...ctx, config: readConfig(federated) })
  expect(report.status).toBe('mismatch')
  expect(report.checks.filter(({ ok }) => !ok)).toEqual([
    { name: 'minting', expected: 'disabled', found: 'has minted', ok: false },
  ])
})

test('the program ends with the plain fault and no stack', async () => {
  const folder = dataFolder()
  const port = await freePort()
  const first = await startProcess(folder.path, port, { MINTING_AUTHORITY: 'teg-layer' })
  const made = await first.api.post(
    '/operator/mint',
    { amount: '5', memo: 'x' },
    { token: PROCESS_OPERATOR_KEY, key: newAgent() },
  )
  expect(made.status).toBe(200)
  expect(await first.stop('SIGTERM')).toBe(0)
  const refused = await startProcess(folder.path, port, { IDENTITY_DIR: `${folder.path}/identity` }).then(
    () => 'started',
    (error: Error) => error.message,
  )
  expect(refused).toContain('MINTING_AUTHORITY: the TEG of this registry has minted')
  expect(refused).not.toMatch(/\n\s+at /)
  folder.remove()
}, 150_000)
