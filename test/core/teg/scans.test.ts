/** Reading the supply: fresh for everybody, and never so much work that the gate would feel it. */
import { expect, test } from 'vitest'
import { openScans } from '#core/teg/supply/open-scans.ts'
import { withMethods } from '#test/support/database.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
import { anyCall, mint, startTeg } from '#test/support/teg.ts'

const t = await startTeg({ MINTING_AUTHORITY: 'teg-layer' })
const call = anyCall()
let scans = 0
let atWork = 0
let most = 0
/** The TEG's database, with the scans of its accounts counted. */
const count = async <T>(text: string, run: () => Promise<T>): Promise<T> => {
  if (!/teg\.accounts a\)|teg\.sum_accounts/.test(text)) return run()
  scans++
  most = Math.max(most, ++atWork)
  try {
    return await run()
  } finally {
    atWork--
  }
}
const counted = withMethods(t.db, {
  query: (text, params, options) => count(text, () => t.db.query(text, params, options)),
  transaction: (work, options) =>
    t.db.transaction(
      (tx) =>
        work(
          Object.assign(Object.create(tx) as typeof tx, {
            query: (text: string, params: readonly unknown[]) => count(text, () => tx.query(text, params)),
          }),
        ),
      options,
    ),
  bound: () => counted,
})
const teg = await startTeg({ MINTING_AUTHORITY: 'teg-layer' }, counted)

test('a hundred readers at once cost few scans, one at a time, and each sees what was done before it asked', async () => {
  await t.open('5')
  const before = Number((await teg.client.supply(call)).tokens_issued)
  scans = most = 0
  let minted = 0
  const readers = Array.from({ length: 100 }, async () => {
    const known = minted
    const { tokens_issued, tokens_circulating } = await teg.client.supply(call)
    expect(tokens_circulating).toBe(tokens_issued)
    return Number(tokens_issued) - before >= known
  })
  const reading = Promise.all(readers)
  for (let turn = 0; turn < 5; turn++) {
    expect((await teg.run(mint(null, '1'))).ok).toBe(true)
    minted++
    const { tokens_issued } = await teg.client.supply(call)
    expect(Number(tokens_issued) - before).toBe(minted)
  }
  expect(await reading).toEqual(Array(100).fill(true))
  expect(scans).toBeLessThanOrEqual(8)
  expect(most).toBe(1)
})

test('those who reach the TEG by other registries share its scans; books and supply take turns', async () => {
  scans = most = 0
  const ask = async (path: string) => {
    const headers = { authorization: 'Bearer service-token-for-tests-0123456789' }
    return (await teg.fetch(new Request(`http://teg${path}`, { headers }))).json() as Promise<{
      supply?: { tokens_issued: string }
      tokens_issued: string
    }>
  }
  const answers = await Promise.all([
    ...Array.from({ length: 40 }, () => ask('/supply')),
    ...Array.from({ length: 3 }, () => ask('/books?after=0')),
  ])
  const issued = answers.map((answer) => answer.supply?.tokens_issued ?? answer.tokens_issued)
  expect(new Set(issued).size).toBe(1)
  // One for each caller of the books, and one or two for all others.
  expect(scans).toBeLessThanOrEqual(3 + 2)
  expect(most).toBe(1)
  expect(await findFaults(t.db)).toEqual([])
})

test('after a scan of 200 ms the next begins 800 ms later at the soonest', async () => {
  const rests: number[] = []
  const slow = withMethods(t.db, {
    query: (text, params) => {
      t.clock.advance(200)
      return t.db.query(text, params)
    },
    bound: () => slow,
  })
  const paced = openScans({
    db: slow,
    clock: t.clock,
    wait: async (ms) => t.clock.advance(rests.push(ms) && ms),
  })
  for (let turn = 0; turn < 3; turn++) await paced.supply(call.signal)
  expect(rests).toEqual([800, 800])
})
