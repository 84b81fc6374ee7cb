import { afterAll, beforeAll, expect, test } from 'vitest'
import { relayEvents } from '#core/registry/stream/relay-events.ts'
import type { Command, Outcome } from '#core/wire/teg.ts'
import { registerDeveloper, type TestDeveloper } from '#test/support/accounts.ts'
import { journalOf } from '#test/support/journal.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'
import { anyCall, grant, openAccount, transfer } from '#test/support/teg.ts'

const system = await startSystem()
const { api, registry } = system
const journal = journalOf(registry)
const agents = { alice: crypto.randomUUID() as string, bob: crypto.randomUUID() as string }
let alice: TestDeveloper
let bob: TestDeveloper
let carol: TestDeveloper

beforeAll(async () => {
  alice = await registerDeveloper(system)
  bob = await registerDeveloper(system)
  carol = await registerDeveloper(system)
  for (const [agent, { account }] of [
    [agents.alice, alice],
    [agents.bob, bob],
  ] as const)
    await registry.db.query(
      `insert into registry.agents (id, did, slug, owner, status, sequence, card_text, card_etag, card_digest,
         card_version, signature_status, hosted_card, registry_signature, created_at, updated_at)
       values ($1, $2, $2, $3, 'active', 1, '{}', 'e', 'd', '1', 'unsigned', '{}', '-', clock_timestamp(), clock_timestamp())`,
      [agent, `did:web:${agent}`, account],
    )
})
afterAll(() => registry.feed.close())

async function run(command: Command): Promise<Outcome> {
  const outcome = await registry.teg.command(anyCall(), command)
  expect(outcome.error).toBeNull()
  return outcome
}
async function relayAll() {
  while ((await relayEvents(journal.open())).more);
}
interface Item {
  index: number
  event: { type: string; source: string; sourcesequence: string; data: Record<string, unknown> }
}
const seenBy = async (token: string): Promise<Item[]> =>
  (await api.get('/events', { token, query: { types: 'transfer.>,genesis.>' } })).body.items

test('a transfer in the TEG becomes an event that both owners, operators and nobody else may read', async () => {
  await run(openAccount(agents.alice))
  await run(openAccount(agents.bob))
  await run(grant(agents.alice, '100', alice.account))
  const paid = await run(transfer(agents.alice, agents.bob, '10'))
  await relayAll()
  const all = await seenBy(OPERATOR_KEY)
  expect(all.map(({ event }) => [event.type, event.source, event.sourcesequence])).toEqual([
    ['genesis.granted', '/registries/ninefold/teg', '1'],
    ['transfer.completed', '/registries/ninefold/teg', '2'],
  ])
  const { balance_after: _, ...shown } = paid.transfer ?? { balance_after: undefined }
  expect(all[1]?.event.data).toEqual(shown)
  expect(await seenBy(alice.token)).toEqual(all)
  expect(await seenBy(bob.token)).toEqual(all.slice(1))
  expect(await seenBy(carol.token)).toEqual([])
  const keyOf = async (agent: string, { token }: TestDeveloper) => {
    const made = await api.post(
      `/agents/${agent}/keys`,
      { name: 'reader', scopes: ['events:read'] },
      { token },
    )
    expect(made.status).toBe(201)
    return made.body.secret as string
  }
  expect(await seenBy(await keyOf(agents.alice, alice))).toEqual(all)
  expect(await seenBy(await keyOf(agents.bob, bob))).toEqual(all.slice(1))
})

test('many transfers and several relays at once: each once, by number, between the registry’s own facts', async () => {
  const before = (await seenBy(OPERATOR_KEY)).length
  const pay = async () => {
    for (let n = 0; n < 20; n++) {
      await run(transfer(agents.alice, agents.bob, '0.01'))
      await journal.emit()
    }
  }
  await Promise.all([pay(), relayAll(), pay(), relayAll(), relayAll()])
  await Promise.all([relayAll(), relayAll()])
  const items = await seenBy(OPERATOR_KEY)
  expect(items.length).toBe(before + 40)
  expect(items.map(({ event }) => Number(event.sourcesequence))).toEqual(items.map((_, i) => i + 1))
  const rows = await registry.db.query<{ index: bigint }>('select index from registry.journal order by index')
  expect(rows.map(({ index }) => index)).toEqual(rows.map((_, i) => BigInt(i + 1)))
})
