/** A line of the TEG's log can be tied to each request, though the commands of many travel in one. */
import { expect, test } from 'vitest'
import { type Log, type LogFields, silentLog } from '#core/platform/log.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { TegContext } from '#core/teg/context.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { postCommands } from '#core/teg/ledger/post-commands.ts'
import { Command } from '#core/wire/teg.ts'
import { withMethods } from '#test/support/database.ts'
import { anyCall, newAgent, SERVICE_TOKEN, startTeg, transfer } from '#test/support/teg.ts'

const t = await startTeg()
const pair = async () => [await t.open('10'), await t.open()] as const
function keepLines(isDebug = false) {
  const lines: (LogFields & { message: string })[] = []
  const keep = (fields: LogFields, message: string) => lines.push({ ...fields, message })
  const log: Log = { ...silentLog, isDebug, debug: keep, error: keep }
  return { lines, log }
}
const gateOver = (db: TegContext['db'], log: Log) => openGate({ db, clock: t.clock, newId: newAgent, log })
const contextOf = (gate: TegContext['gate'], log: Log) =>
  ({ gate, log, requestId: 'first', signal: anyCall().signal }) as TegContext

test('a batch of several calls names each with its count; that of one call is named by its header alone', async () => {
  const [from, to] = await pair()
  const bodies: { calls?: unknown }[] = []
  const client = openTegClient({
    token: SERVICE_TOKEN,
    newId: newAgent,
    fetch: async (request) => {
      bodies.push((await request.clone().json()) as { calls?: unknown })
      return t.fetch(request)
    },
  })
  const some = (count: number) => Array.from({ length: count }, () => transfer(from, to, '0.01'))
  const call = (requestId: string) => ({ ...anyCall(), requestId })
  await client.commands(call('alone'), some(2))
  const outcomes = await Promise.all(
    ['one', 'two', 'three'].map((id, i) => client.commands(call(id), some(i + 1))),
  )
  expect(outcomes.flat().every(({ ok }) => ok)).toBe(true)
  expect(bodies.map(({ calls }) => calls)).toEqual([
    undefined,
    [
      ['one', 1],
      ['two', 2],
      ['three', 3],
    ],
  ])
})

test('when the ledger is away, lines of a hundred name every request that was in the batch', async () => {
  const [from, to] = await pair()
  const away = withMethods(t.db, {
    query: async () => {
      throw Object.assign(new Error('could not extend file'), { code: '53100' })
    },
  })
  const { lines, log } = keepLines()
  const ids = Array.from({ length: 250 }, (_, i) => `request-${i}`)
  const commands = ids.map(() => Command.parse(transfer(from, to, '0.01')))
  const posted = postCommands(
    contextOf(gateOver(away, log), log),
    commands,
    ids.map((id) => [id, 1]),
  )
  await expect(posted).rejects.toMatchObject({ code: 'ledger_unavailable' })
  expect(lines.map(({ request_ids }) => request_ids?.split(' ').length)).toEqual([100, 100, 50])
  expect(lines.flatMap(({ request_ids }) => request_ids?.split(' '))).toEqual(ids)
  expect(lines[0]).toMatchObject({ count: 250 })
})

test('a good batch is told at the level debug only, and one of one request needs no line of its own', async () => {
  const [from, to] = await pair()
  for (const [isDebug, told] of [
    [true, ['one two']],
    [false, []],
  ] as const) {
    const { lines, log } = keepLines(isDebug)
    const ctx = contextOf(gateOver(t.db, log), log)
    const commands = [1, 2].map(() => Command.parse(transfer(from, to, '0.01')))
    await postCommands(ctx, commands, [
      ['one', 1],
      ['two', 1],
    ])
    await postCommands(ctx, [Command.parse(transfer(from, to, '0.01'))])
    expect(lines.map(({ request_ids }) => request_ids)).toEqual(told)
  }
})

test('a command that the database cannot run is logged with the id of its own request', async () => {
  const [from, to] = await pair()
  const { lines, log } = keepLines()
  const gate = gateOver(t.db, log)
  const commands = Array.from({ length: 6 }, (_, i) => ({
    ...Command.parse(transfer(from, to, '0.01')),
    // The door refuses NUL; PostgreSQL cannot keep it.
    memo: i === 4 ? 'NUL \u0000' : 'fine',
  }))
  const outcomes = await postCommands(contextOf(gate, log), commands, [
    ['one', 1],
    ['two', 3],
    ['three', 2],
  ])
  expect(outcomes.outcomes.map(({ ok }) => ok)).toEqual([true, true, true, true, false, true])
  expect(lines.map(({ request_id, message }) => [request_id, message])).toEqual([
    ['three', 'the gate could not run a command'],
  ])
})
