/** A registry whose database was put back to an old backup goes on in the ledger without telling any number twice. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { auditSupply } from '#core/registry/audit/audit-supply.ts'
import { forwardEvents } from '#core/registry/forward/forward-events.ts'
import { ForwarderHalted } from '#core/registry/forward/rules.ts'
import { openEventStoreClient } from '#core/registry/open-event-store-client.ts'
import { detectRestore } from '#core/registry/stream/detect-restore.ts'
import { relayTegEvents } from '#core/registry/stream/relay-events.ts'
import { STORE_TOKEN, startStore } from '#test/support/event-store.ts'
import { type OpenRegistry, restorable } from '#test/support/restorable.ts'
import { OPERATOR_KEY } from '#test/support/system.ts'
import { startTeg, transfer } from '#test/support/teg.ts'

const SOURCE = '/registries/ninefold/registry'
const TEG = '/registries/ninefold/teg'

const teg = await startTeg()
const store = await startStore()
let isThere = true
const client = openEventStoreClient({
  token: STORE_TOKEN,
  fetch: (request) => (isThere ? store.fetch(request) : Promise.reject(new Error('connect ECONNREFUSED'))),
})
const world = restorable({ teg: teg.client, eventStore: client })
const agents = { from: '', to: '' }
let now: OpenRegistry
beforeAll(async () => {
  agents.from = await teg.open('100')
  agents.to = await teg.open()
  now = await world.open()
}, 60_000)
afterAll(async () => {
  await now.close()
  world.remove()
})

const pay = () => teg.run(transfer(agents.from, agents.to, '0.01'))
const relayTeg = async () => {
  while ((await relayTegEvents(now.journal.open())).more);
}
const forwardAll = async () => {
  const forwarding = { client, verifier: store.store.keys.log.verifier }
  while ((await forwardEvents(now.journal.open(), forwarding)).more);
}
const tellAndPay = async (count: number) => {
  for (let n = 0; n < count; n++) {
    await now.journal.tell({ data: { n } })
    await pay()
    await relayTeg()
  }
}
/** Stops, puts the copy back, starts again. */
const putBack = async () => {
  await now.close()
  world.restore()
  now = await world.open()
}
interface Told {
  source: string
  n: bigint
  type: string
  payload: string
}
const ledger = () =>
  store.db.query<Told>(
    `select s.source, e.sequence as n, e.type, convert_from(e.payload, 'UTF8') as payload
     from event_store.entries e join event_store.sources s on s.id = e.source order by e.index`,
  )
const evidence = () => store.db.query('select 1 as one from event_store.equivocations')
/** By source the numbers that the ledger holds, from 1 without holes. */
const counts = async () => {
  const last = new Map<string, bigint>()
  for (const { source, n } of await ledger()) {
    expect(n).toBe((last.get(source) ?? 0n) + 1n)
    last.set(source, n)
  }
  return Object.fromEntries([...last].map(([source, n]) => [source, Number(n)]))
}
/** What stands behind # in the sources of the journal. */
const label = async () =>
  (await now.api.get('/operator/journal', { token: OPERATOR_KEY })).body.incarnation as string

describe('a registry put back to an old backup', () => {
  let lost: Record<string, number>
  let first: string

  test('finds out that the EventStore knows more, and goes on under new names behind source.restored', async () => {
    await tellAndPay(4)
    await forwardAll()
    await now.close()
    world.backUp()
    now = await world.open()
    await tellAndPay(3)
    await forwardAll()
    lost = await counts()
    expect(lost).toEqual({ [SOURCE]: 7, [TEG]: 8 })

    await putBack()
    expect(await label()).toBe('')
    await detectRestore(now.journal.open())
    await tellAndPay(2)
    await forwardAll()

    first = await label()
    expect(first).toMatch(/^1-[0-9a-f]{8}$/)
    const told = (await ledger()).filter(({ source }) => source.includes('#'))
    const heads = told.filter(({ type }) => type === 'source.restored')
    expect(heads.map(({ source, n }) => [source, n])).toEqual([
      [`${SOURCE}#${first}`, 1n],
      [`${TEG}#${first}`, 1n],
    ])
    expect(heads.map(({ payload }) => JSON.parse(payload).data)).toMatchObject([
      {
        incarnation: first,
        reason: `the EventStore holds number 7 of ${SOURCE}, and this journal ended with 4`,
        before: { source: SOURCE, sequence: '4', index: 9 },
        told_again: 0,
        ledger: { origin: 'log.example/event-store', size: 9 },
      },
      { before: { source: TEG, sequence: '5' } },
    ])
    // The TEG was not put back: what the journal had forgotten of it comes once more, with the ids that it had.
    expect(await counts()).toEqual({ ...lost, [`${SOURCE}#${first}`]: 3, [`${TEG}#${first}`]: 6 })
    const ids = (source: string) =>
      told.flatMap((row) =>
        row.source === source && row.type === 'transfer.completed' ? [JSON.parse(row.payload).id] : [],
      )
    const before = (await ledger()).filter(({ source, n }) => source === TEG && n > 5n)
    expect(ids(`${TEG}#${first}`).slice(0, 3)).toEqual(before.map(({ payload }) => JSON.parse(payload).id))
    expect(await evidence()).toEqual([])
  })

  test('every row of its journal has its receipt, and readers see the new names', async () => {
    const rows = await now.registry.db.query<{ index: bigint; placed: boolean }>(
      `select j.index, r.index is not null as placed from registry.journal j
       left join registry.ledger_receipts r on r.index = j.index order by j.index`,
    )
    expect(rows.filter(({ placed }) => !placed)).toEqual([])
    const page = await now.api.get('/events', { token: OPERATOR_KEY, query: { types: 'source.restored' } })
    expect(page.body.items.map(({ index }: { index: number }) => index)).toEqual([10, 11])
    // The supply still adds up: what came again counts once.
    expect(await auditSupply(now.journal.open())).toMatchObject({ status: 'ok', number: 10 })
    const audit = await store.api.get('/audit', { token: STORE_TOKEN })
    expect(audit.body).toMatchObject({ intact: true })
  })

  test('and once more from the same backup gets yet another name', async () => {
    const before = await counts()
    await putBack()
    await detectRestore(now.journal.open())
    await tellAndPay(1)
    await forwardAll()
    const second = await label()
    expect(second).toMatch(/^1-[0-9a-f]{8}$/)
    expect(second).not.toBe(first)
    expect(await counts()).toEqual({ ...before, [`${SOURCE}#${second}`]: 2, [`${TEG}#${second}`]: 7 })
    expect(await evidence()).toEqual([])
  })

  test('a look when nothing was put back changes nothing', async () => {
    const before = await label()
    await detectRestore(now.journal.open())
    await tellAndPay(1)
    await forwardAll()
    expect(await label()).toBe(before)
    expect((await ledger()).filter(({ type }) => type === 'source.restored')).toHaveLength(4)
  })
})

describe('put back while the EventStore was away', () => {
  test('it journals under used numbers; the forwarder halts at the first, and tells everything before it', async () => {
    await putBack()
    isThere = false
    await detectRestore(now.journal.open())
    await tellAndPay(2)
    isThere = true
    await expect(forwardAll()).rejects.toThrow(ForwarderHalted)
    await expect(forwardAll()).rejects.toThrow(/POST \/operator\/journal\/restored/)
    const state = await now.api.get('/operator/journal', { token: OPERATOR_KEY })
    expect(state.body).toMatchObject({ incarnation: '', ledger: { index: 9, refused: 10 } })
  })

  test('once an operator says so, what was refused is told again under the new names, in front of source.restored', async () => {
    const token = OPERATOR_KEY
    const before = await counts()
    const body = { reason: 'the disk was put back to Monday' }
    const said = await now.api.post('/operator/journal/restored', body, { token })
    expect(said.body).toMatchObject({ incarnation: '', restoring: true })
    await tellAndPay(1)
    await forwardAll()
    const third = await label()
    const told = (await ledger()).filter(({ source }) => source.endsWith(`#${third}`))
    const kinds = (source: string) =>
      told.flatMap((row) => (row.source === `${source}#${third}` ? [row.type] : []))
    expect(kinds(SOURCE)).toEqual(['agent.updated', 'agent.updated', 'source.restored', 'agent.updated'])
    const [restored] = told.filter(({ type }) => type === 'source.restored')
    expect(JSON.parse(restored?.payload ?? '').data).toMatchObject({ told_again: 2, reason: body.reason })
    const [again] = told
    expect(JSON.parse(again?.payload ?? '')).toMatchObject({
      source: `${SOURCE}#${third}`,
      sourcesequence: '1',
      data: { n: 0 },
    })
    const teg = kinds(TEG)
    expect(teg.filter((type) => type === 'source.restored')).toHaveLength(1)
    expect(teg.at(-1)).toBe('transfer.completed')
    expect(await counts()).toEqual({ ...before, [`${SOURCE}#${third}`]: 4, [`${TEG}#${third}`]: teg.length })
    const audit = await store.api.get('/audit', { token: STORE_TOKEN })
    expect(audit.body).toMatchObject({ intact: true })
  })

  test('a reason is needed, and an operator', async () => {
    const token = OPERATOR_KEY
    expect((await now.api.post('/operator/journal/restored', {}, { token })).body.code).toBe(
      'validation_failed',
    )
    expect((await now.api.get('/operator/journal')).status).toBe(401)
  })
})

describe('another EventStore', async () => {
  const other = await startStore({ EVENT_STORE_ORIGIN: 'other.example/log' })
  const otherClient = openEventStoreClient({ token: STORE_TOKEN, fetch: other.fetch })
  const to = { client: otherClient, verifier: other.store.keys.log.verifier }
  const token = OPERATOR_KEY
  const state = async () => (await now.api.get('/operator/journal', { token })).body

  test('is told the whole journal from the beginning; receipts of the one before are kept', async () => {
    await now.journal.tell({})
    await expect(forwardEvents(now.journal.open(), to)).rejects.toThrow(/POST \/operator\/journal\/resend/)
    const { head } = await state()
    const said = await now.api.post('/operator/journal/resend', { reason: 'another EventStore' }, { token })
    expect(said.body).toMatchObject({ head, ledger: { index: 0, former: 1, origin: null, refused: null } })
    while ((await forwardEvents(now.journal.open(), to)).more);
    expect((await state()).ledger).toMatchObject({ index: head, origin: 'other.example/log', size: head })
    const audit = await other.api.get('/audit', { token: STORE_TOKEN })
    expect(audit.body).toMatchObject({ intact: true, size: head })
    const receipts = await now.registry.db.query<{ ledger: number; count: bigint }>(
      'select ledger, count(*) as count from registry.ledger_receipts group by ledger order by ledger',
    )
    expect(receipts).toEqual([
      { ledger: 0, count: BigInt(head - 1) },
      { ledger: 1, count: BigInt(head) },
    ])
    const page = await now.api.get('/events', { token, query: { after: '2', limit: '1' } })
    expect(page.body.items[0].event.ledgerindex).toBe(2)
  })

  test('what was under way to the former one when it begins anew moves nothing', async () => {
    await now.journal.tell({})
    const overtaken = {
      ...otherClient,
      async append(...given: Parameters<typeof otherClient.append>) {
        await now.api.post('/operator/journal/resend', { reason: 'meanwhile' }, { token })
        return otherClient.append(...given)
      },
    }
    expect(await forwardEvents(now.journal.open(), { ...to, client: overtaken })).toMatchObject({ moved: 0 })
    const { head, ledger } = await state()
    expect(ledger).toMatchObject({ index: 0, former: 2, origin: null })
    // The same EventStore again: it has nearly all, and gives the first receipts.
    while ((await forwardEvents(now.journal.open(), to)).more);
    expect((await state()).ledger).toMatchObject({ index: head, size: head })
  })
})

describe('a database that stands in another place than before', () => {
  test('is a restored one, even where no EventStore is there to say so', async () => {
    const before = await label()
    await now.registry.db.query("update registry.incarnation set identity = 'another.1.1'")
    await detectRestore({ ...now.journal.open(), eventStore: null })
    await now.journal.tell({})
    const after = await label()
    expect(after).not.toBe(before)
    await detectRestore({ ...now.journal.open(), eventStore: null })
    await now.journal.tell({})
    expect(await label()).toBe(after)
    const page = await now.api.get('/events', { token: OPERATOR_KEY, query: { types: 'source.restored' } })
    expect(page.body.items.at(-1).event.data.reason).toBe('its rows stand in another database than before')
  })
})
