/** Several gates on one ledger at once: no deadlock, one outcome for a key, every invariant. Real lanes on a server. */
import { expect, test } from 'vitest'
import { silentLog } from '#core/platform/log.ts'
import { openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { withMethods } from '#test/support/database.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { countRuns, during } from '#test/support/ledger/prove-sequences.ts'
import { checkRings } from '#test/support/ledger/ring-steps.ts'
import { watchGates } from '#test/support/ledger/watched-gates.ts'
import { anyCall, grant, newAgent, openAccount, setStatus, startTeg, transfer } from '#test/support/teg.ts'

const RUNS = countRuns(3)
const t = await startTeg()
const gates = watchGates(t)
const { failures, openAgents, post } = gates

test('the same keys, grants and closings over all lanes have one outcome each', async () => {
  const agents = await openAgents(4, '2')
  const newcomer = newAgent()
  const developer = newAgent()
  const heir = agents[0] as string
  const commands = [
    openAccount(newcomer),
    ...agents.flatMap((from, i) =>
      [1, 2, 3].map((step) =>
        transfer(from, agents[(i + step) % 4] as string, '1.1', { key: `shared-${i}-${step}` }),
      ),
    ),
    grant(newcomer, '5', developer),
    setStatus(agents[3] as string, 4, 'closed', heir),
  ]
  const answers = await Promise.all(Array.from({ length: 12 }, (_, gate) => post(gate, commands)))
  for (const [i, command] of commands.entries()) {
    const outcomes = answers.map((answer) => answer[i] as Outcome)
    if (command.op === 'set_status' && !outcomes[0]?.ok) continue
    const facts = new Set(outcomes.map(({ replayed: _, ...rest }) => JSON.stringify(rest)))
    expect(facts.size, `${command.op} ${i}`).toBe(1)
    expect(outcomes.filter((outcome) => !outcome.replayed)).toHaveLength(1)
  }
  expect(await t.available(newcomer)).toBe('5')
  expect(failures).toEqual([])
  expect(await findFaults(t.db)).toEqual([])
})

test('the supply holds in every snapshot while transfers run, and folding changes no sum', async () => {
  const agents = await openAgents(6, '50')
  const issued = (await t.client.supply(anyCall())).tokens_issued
  let running = true
  const reads = (async () => {
    let count = 0
    while (running) {
      const supply = await t.client.supply(anyCall())
      expect(supply).toMatchObject({ tokens_issued: issued, tokens_circulating: issued })
      count++
    }
    return count
  })()
  const folds = (async () => {
    while (running) await t.db.query('select teg.fold_deltas(3)')
  })()
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      post(i, [transfer(agents[i % 6] as string, agents[(i + 1) % 6] as string, '0.3')]),
    ),
  )
  running = false
  await folds
  expect(await reads).toBeGreaterThan(0)
  const treasury = await t.client.treasury(anyCall())
  const [sum] = await t.db.query<{ fees: string }>(
    'select trim_scale(sum(t.fee)::numeric / 1000000)::text as fees from teg.transfers t where t.code is null',
  )
  expect(treasury.balance).toBe(sum?.fees)
  expect(treasury.fees_collected).toBe(sum?.fees)
  expect(await findFaults(t.db)).toEqual([])
})

test('numbers of the outbox have no gap and follow each account while lanes commit', async () => {
  const agents = await openAgents(4, '50')
  const pages: number[][] = []
  let running = true
  const relay = (async () => {
    let after = (await t.client.outbox(anyCall(), 0, 1)).items.length
    for (let last = false; !last; ) {
      last = !running
      const { items } = await t.client.outbox(anyCall(), after, 7)
      pages.push(items.map((item) => item.number))
      after = items.at(-1)?.number ?? after
      if (items.length > 0) last = false
    }
  })()
  await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      post(i, [transfer(agents[i % 4] as string, agents[(i + 1) % 4] as string, '0.1')]),
    ),
  )
  running = false
  await relay
  const numbers = pages.flat()
  expect(numbers).toEqual(numbers.map((_, i) => i + 2))
})

test('callers that were answered together come again as two batches side by side, not as one that leaves a lane idle', async () => {
  const agents = await openAgents(400, '2')
  let under = 0
  let most = 0
  const counted = withMethods(t.db, {
    query: (text, params, options) => {
      most = Math.max(most, ++under)
      return t.db.query(text, params, options).finally(() => under--) as never
    },
  })
  const gate = openGate({ db: counted, clock: t.clock, newId: newAgent, log: silentLog, lanes: 2 })
  const side: number[] = []
  for (let turn = 0; turn < 3; turn++) {
    most = 0
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const [from, to] = [agents[2 * i] as string, agents[2 * i + 1] as string]
        await gate.post([Command.parse(transfer(from, to, '0.01'))])
        return gate.post([Command.parse(transfer(from, to, '0.01'))])
      }),
    )
    expect(outcomes.flat().every((outcome) => outcome.ok)).toBe(true)
    side.push(most)
  }
  expect(side).toEqual([2, 2, 2])
})

// The last one: the tests before it read the whole ledger.
test(
  'transfers in rings, in drawn order and direction over all lanes, never deadlock and lose nothing',
  during(RUNS),
  () => checkRings(t, gates, RUNS),
)
