/** How payment tokens are read: what was held at a moment, pages by agent and status, their events. */
import { describe, expect, test } from 'vitest'
import type { Outcome } from '#core/wire/teg.ts'
import {
  anyCall,
  cancelToken,
  expireToken,
  issueToken,
  newAgent,
  redeemToken,
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const t = await startTeg()
const call = anyCall()
const pair = async (avt = '10') => [await t.open(avt), await t.open()] as const
const balance = (agent: string, at?: string) => t.client.balance(call, agent, at)
/** Issues a token that works. */
async function issue(payer: string, payee: string, amount: string, expires_in = 600): Promise<string> {
  const outcome = await t.run(issueToken(payer, payee, amount, { expires_in }))
  return outcome.payment?.id as string
}

describe('reading', () => {
  test('a balance at a moment knows what was held then', async () => {
    const [payer, payee] = await pair()
    const start = t.clock.now().getTime()
    const at = (seconds: number) => balance(payer, new Date(start + seconds * 1000).toISOString())
    const tick = () => t.clock.advance(10_000)
    tick()
    const one = await issue(payer, payee, '4', 100)
    tick()
    const two = await issue(payer, payee, '3', 25)
    tick()
    await t.run(redeemToken(payee, one, '1'))
    tick()
    await t.run(transfer(payer, payee, '1'))
    t.clock.advance(60_000)
    await t.run(expireToken(payer, two))
    const seen = await Promise.all([5, 10, 20, 29, 30, 40, 44.999, 45, 99].map(at))
    expect(seen.map((row) => `${row?.available} ${row?.held}`)).toEqual([
      '10 0',
      '6 4',
      '3 7',
      '3 7',
      '6 3',
      '5 3',
      '5 3',
      '8 0',
      '8 0',
    ])
  })

  test('pages of tokens come newest first, by agent and status', async () => {
    const [payer, payee] = await pair()
    const ids: string[] = []
    for (let i = 0; i < 6; i++) ids.push(await issue(payer, payee, '1', i === 5 ? 5 : 600))
    await t.run(cancelToken(payer, ids[0] as string))
    await t.run(redeemToken(payee, ids[1] as string))
    t.clock.advance(5000)
    const list = async (status: 'active' | 'expired' | 'cancelled' | 'redeemed' | null, agent: string) => {
      const found: string[] = []
      let cursor: string | null = null
      do {
        const page: Awaited<ReturnType<typeof t.client.payments>> = await t.client.payments(call, {
          agents: [agent],
          status,
          limit: 2,
          cursor,
        })
        expect(page.items.every((item) => status === null || item.status === status)).toBe(true)
        found.push(...page.items.map((item) => item.id))
        cursor = page.next_cursor
      } while (cursor)
      return found.map((id) => ids.indexOf(id))
    }
    for (const agent of [payer, payee]) {
      expect(await list(null, agent)).toEqual([5, 4, 3, 2, 1, 0])
      expect(await list('active', agent)).toEqual([4, 3, 2])
      expect(await list('expired', agent)).toEqual([5])
      expect(await list('redeemed', agent)).toEqual([1])
      expect(await list('cancelled', agent)).toEqual([0])
    }
    await t.run(expireToken(payer, ids[5] as string))
    expect(await list('expired', payee)).toEqual([5])
    const all = await t.client.payments(call, { agents: null, status: 'active', limit: 3, cursor: null })
    expect(all.items.map((item) => ids.indexOf(item.id))).toEqual([4, 3, 2])
    expect(await t.client.payment(call, newAgent())).toBeNull()
  })

  test('events: issued, then the movement before the redemption; each once, in order', async () => {
    const before = (await t.client.outbox(call, 0, 1000)).items.length
    const [payer, payee] = await pair()
    const one = await issue(payer, payee, '1')
    const done = await t.run(redeemToken(payee, one, '0.5'))
    const two = await issue(payer, payee, '1', 1)
    const three = await issue(payer, payee, '1')
    await t.run(cancelToken(payer, three))
    t.clock.advance(1000)
    await t.run(expireToken(payer, two))
    const { items } = await t.client.outbox(call, before, 1000)
    expect(items.map((item) => item.type)).toEqual([
      'genesis.granted',
      'payment.issued',
      'transfer.completed',
      'payment.redeemed',
      'payment.issued',
      'payment.issued',
      'payment.cancelled',
      'payment.expired',
    ])
    const { balance_after: _, ...moved } = done.transfer as NonNullable<Outcome['transfer']>
    expect(items[3]).toMatchObject({
      subject: `payments/${one}`,
      data: { ...done.payment, transfer: moved },
      parties: [payer, payee],
    })
    expect(items[2]).toMatchObject({ id: moved.id, data: moved })
    expect(new Set(items.map((item) => item.id)).size).toBe(items.length)
    expect(items.map((item) => item.number)).toEqual(items.map((_item, i) => before + 1 + i))
    for (let after = before; after < before + items.length; after++)
      expect((await t.client.outbox(call, after, 1)).items[0]).toEqual(items[after - before])
  })

  test('a page may begin and end anywhere in batches of movements, of tokens and of both, refusals among them', async () => {
    const before = (await t.client.outbox(call, 0, 1000)).items.length
    const [payer, payee] = await pair('100')
    const some = (count: number) => Array.from({ length: count }, () => transfer(payer, payee, '0.01'))
    const refused = transfer(payee, payer, '1000')
    const one = await issue(payer, payee, '1')
    await t.client.commands(call, [refused, ...some(4), refused, ...some(3)])
    await t.client.commands(call, [...some(2), redeemToken(payee, one, '0.5'), refused, ...some(2)])
    await t.client.commands(call, [refused, refused])
    await t.client.commands(call, some(5))
    const { items } = await t.client.outbox(call, before, 1000)
    // The grant, the issue, 7 movements, 5 movements and the token's end, 5 movements.
    expect(items.map(({ number }) => number)).toEqual(Array.from({ length: 20 }, (_, i) => before + 1 + i))
    expect(items.filter(({ type }) => type === 'payment.redeemed').map(({ number }) => number)).toEqual([
      before + 13,
    ])
    for (let after = 0; after < items.length; after++)
      for (const limit of [1, 2, 3, 7, 8, 1000]) {
        const page = await t.client.outbox(call, before + after, limit)
        expect(page.items).toEqual(items.slice(after, after + limit))
      }
  })
})
