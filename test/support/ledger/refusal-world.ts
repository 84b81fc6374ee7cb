/** The agents, tokens and transfers that refusals are asked of, and the form of their rows. */
import type { Command, gateErrors, TaskFence } from '#core/wire/teg.ts'
import {
  anyCall,
  cancelToken,
  grant,
  issueToken,
  newAgent,
  redeemToken,
  refund,
  setStatus,
  type TestTeg,
  transfer,
} from '#test/support/teg.ts'

/** Name, code, whether it is kept for its key, and the command; of several, sent as one batch, the first one is refused. */
export type Refusal = [string, keyof typeof gateErrors, boolean, () => Command | Command[]]

export interface RefusalWorld {
  /** The id of an agent. */
  a(name: string): string
  /** The id of a token or a transfer. */
  id(name: string): string
}

/** The developer who has had the grant. */
export const DEVELOPER = newAgent()

export const keyOf = (limits: { per_transfer?: string; per_day?: string; allowed_payees?: string[] }) => ({
  key_id: newAgent(),
  per_transfer: null,
  per_day: null,
  allowed_payees: null,
  ...limits,
})
export const quote = (more: object) => ({
  matches: true,
  fee_snapshot: '1',
  valid_until: '2026-11-24T12:00:01.000Z',
  ...more,
})

/** The holder of a task; the world has seen epoch 7. */
export const holder = (epoch: string): TaskFence => ({
  task: 'refusals',
  incarnation: 1,
  epoch,
  slot: '2026-11-24T12:00:00.000Z',
})

/** Fills a TEG. */
export async function openRefusalWorld(t: TestTeg): Promise<RefusalWorld> {
  const agents: Record<string, string> = {}
  const ids: Record<string, string> = {}
  const a = (name: string) => agents[name] as string
  const id = (name: string) => ids[name] as string
  const funds = {
    rich: '1000',
    poor: '1',
    other: '5',
    later: '10',
    icy: '5',
    empty: '0.01',
    holding: '1',
    idle: '1',
  }
  for (const [name, avt] of Object.entries(funds)) agents[name] = await t.open(avt)
  agents.frozen = await t.open('5')
  await t.run(setStatus(a('frozen'), 2, 'frozen'))
  agents.closed = await t.open()
  await t.run(setStatus(a('closed'), 2, 'closed'))
  const pay = async (from: string, to: string, avt: string) =>
    (await t.run(transfer(a(from), a(to), avt))).transfer?.id as string
  ids.paid = await pay('rich', 'other', '100')
  ids.paidBack = (await t.run(refund(a('other'), id('paid'), '20'))).transfer?.id as string
  ids.paidLater = await pay('rich', 'later', '1')
  ids.paidByLater = await pay('later', 'other', '1')
  ids.spent = await pay('rich', 'empty', '10')
  await pay('empty', 'rich', '9.96')
  await t.run(grant(a('other'), '1', DEVELOPER))
  const issue = async (from: string, to: string, avt: string, expires_in = 600) =>
    (await t.run(issueToken(a(from), a(to), avt, { expires_in }))).payment?.id as string
  for (const name of ['held', 'redeemed', 'cancelled']) ids[name] = await issue('rich', 'other', '2')
  ids.expired = await issue('rich', 'other', '2', 1)
  // Whoever acts has its due tokens voided first; this one does not act.
  ids.due = await issue('idle', 'other', '0.5', 1)
  ids.ofFrozen = await issue('later', 'other', '1')
  await issue('holding', 'other', '0.5')
  ids.forFrozen = await issue('rich', 'icy', '1')
  await t.run(setStatus(a('later'), 2, 'frozen'))
  await t.run(setStatus(a('icy'), 2, 'frozen'))
  await t.run(redeemToken(a('other'), id('redeemed')))
  await t.run(cancelToken(a('rich'), id('cancelled')))
  // A holder of the task whose epoch is the highest so far.
  await t.run({ ...grant(a('other'), '1'), fence: holder('7') })
  t.clock.advance(1000)
  ids.granted = (await t.client.statement(anyCall(), a('poor'), { limit: 1 }))?.items[0]
    ?.transfer_id as string
  return { a, id }
}
