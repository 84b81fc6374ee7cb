/** Short and long ways of several processes at once over few accounts, in rounds, each with a seed of its own. */
import { expect } from 'vitest'
import type { z } from 'zod'
import { formatAmount } from '#core/base/amount.ts'
import type { Database } from '#core/platform/database/database.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { type Gate, openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { seededRandom } from '#test/support/random.ts'
import {
  anyCall,
  cancelToken,
  grant,
  issueToken,
  newAgent,
  openAccount,
  redeemToken,
  setStatus,
  type TestTeg,
  transfer,
} from '#test/support/teg.ts'
import { findFaults } from './ledger-faults.ts'

const AGENTS = 10
/** Calls of a round, all under way at the same time. */
const CALLS = 24
/** Rounds between two searches of the tables, which read all of history. */
const SEARCH_EVERY = 50
/** Newest tokens that are asked for again: the others have ended. */
const TOKENS_KEPT = 12

const disorders: readonly [string, string][] = [
  [
    'a fee is that of its rate, and a refusal has none',
    `select m.seq from teg.moves m left join teg.fee_snapshots s on s.id = m.fee_snapshot
     where m.kind = 'transfer' and case when m.code is null
       then m.fee_ppm is distinct from s.effective_ppm or m.fee <> teg.fee_of(m.amount, m.fee_ppm)
       else m.fee <> 0 or m.fee_ppm <> 0 or s.id is not null or m.from_held is not null end`,
  ],
  [
    'nobody has spent what was held',
    `select m.seq from teg.moves m where m.code is null and m.from_balance < coalesce(m.from_held, 0)`,
  ],
  [
    'times and numbers of events rise along the legs, holds and ends of holds of an account',
    `with facts as (
       select m.from_no as no, m.seq, m.created_at as at from teg.moves m where m.from_seq is not null or m.code = 'held'
       union all select m.to_no, m.seq, m.created_at from teg.moves m where m.to_seq is not null
       union all select a.no, s.seq, s.created_at from teg.token_steps s
         join teg.tokens k on k.id = s.token join teg.accounts a on a.id = k.payer
     ), told as (
       select f.no, f.at, o.base, f.seq, o.number_first from facts f
       join teg.outbox_numbered o on o.base = (f.seq / 5000) * 5000
     )
     select 1 from (
       select t.number_first, t.at, lag(t.number_first) over w as number_before, lag(t.at) over w as before
       from told t window w as (partition by t.no order by t.base, t.seq)
     ) l where l.number_before > l.number_first or l.before > l.at`,
  ],
]

interface Acknowledged {
  command: z.input<typeof Command>
  outcome: Outcome
}

type Asked = z.input<typeof Command>
interface Acknowledged {
  command: Asked
  outcome: Outcome
}
interface World {
  readonly t: TestTeg
  readonly gates: readonly Gate[]
  readonly agents: readonly string[]
  readonly acknowledged: Acknowledged[]
  readonly tokens: { id: string; payer: string; payee: string }[]
  /** Changes of status of an agent; odd: it is frozen. */
  readonly sequences: Map<string, number>
}

/** Runs the rounds on a server; round n of a seed draws what round 0 of the seed n later draws. */
export async function checkGateRounds(t: TestTeg, rounds: number, seed: number): Promise<void> {
  const [row] = await t.db.query<{ name: string }>('select current_database() as name')
  const url = new URL(process.env.TEST_DATABASE_URL as string)
  url.pathname = `/${row?.name}`
  const pools = [openPg({ url: url.href, max: 4 }), openPg({ url: url.href, max: 4 })]
  // The server's clock, or one that is put forwards and back by seconds from batch to batch.
  const jump = seededRandom(seed)
  const clock = {
    get fixed() {
      return jump() < 0.75 ? null : new Date(Date.now() + Math.floor(jump() * 6000) - 3000)
    },
  }
  const gates = pools.flatMap((db) =>
    [true, true, false].map((short) => openGate({ db, clock, newId: newAgent, log: silentLog, short })),
  )
  const agents = Array.from({ length: AGENTS }, newAgent)
  await t.client.commands(
    anyCall(),
    agents.flatMap((agent) => [openAccount(agent), grant(agent, '50')]),
  )
  const world: World = { t, gates, agents, acknowledged: [], tokens: [], sequences: new Map() }
  try {
    for (let round = 0; round < rounds; round++) {
      await runRound(world, seededRandom(seed + round))
      if (round % SEARCH_EVERY === 0) expect(await findFaults(t.db), `seed ${seed + round}`).toEqual([])
    }
  } finally {
    for (const pool of pools) await pool.close()
  }
  expect(await findFaults(t.db)).toEqual([])
  for (const [name, statement] of disorders) expect(await t.db.query(statement), name).toEqual([])
  // Most calls are of several transfers, and most of these go through.
  expect(world.acknowledged.filter(({ outcome }) => outcome.ok).length).toBeGreaterThan(rounds * CALLS)
  await expectAcknowledged(t.db, world.acknowledged)
}

async function runRound(world: World, random: () => number): Promise<void> {
  const { t, gates, sequences } = world
  const draw = (below: number) => Math.floor(random() * below)
  const calls = Array.from({ length: CALLS }, async (_, i) => {
    if (i % 9 === 0) await t.db.query('select teg.number_outbox(3)')
    if (random() < 0.02)
      await t.db.query(
        `insert into teg.fee_snapshots (settings_version, base_ppm, effective_ppm, created_at)
         select max(s.settings_version) + 1, 5000, $1::integer, clock_timestamp() from teg.fee_snapshots s
         on conflict do nothing`,
        [5000 + draw(45_000)],
      )
    await post(world, gates[draw(gates.length)] as Gate, drawCommands(world, random))
  })
  await Promise.all(calls)
  for (const [agent, sequence] of sequences)
    if (sequence % 2 === 1) {
      sequences.set(agent, sequence + 1)
      await post(world, gates[0] as Gate, [setStatus(agent, sequence + 1, 'open')])
    }
}

function drawCommands({ agents, tokens, sequences }: World, random: () => number): Asked[] {
  const draw = (below: number) => Math.floor(random() * below)
  const anAgent = () => agents[draw(AGENTS)] as string
  const drawTransfer = () => {
    const calm = random() < 0.93
    const from = draw(AGENTS)
    const to = calm ? (from + 1 + draw(AGENTS - 1)) % AGENTS : draw(AGENTS)
    const amount = calm ? 100 + draw(2000) : 50 + draw(20_000_000)
    return transfer(agents[from] as string, agents[to] as string, formatAmount(BigInt(amount)))
  }
  const kind = random()
  const token = tokens[draw(tokens.length)]
  if (kind < 0.03) {
    const amount = formatAmount(BigInt(100 + draw(3_000_000)))
    return [issueToken(anAgent(), anAgent(), amount, { expires_in: 1 })]
  }
  if (kind < 0.04 && token) return [redeemToken(token.payee, token.id)]
  if (kind < 0.05 && token) return [cancelToken(token.payer, token.id)]
  if (kind < 0.056) {
    const agent = anAgent()
    const sequence = (sequences.get(agent) ?? 0) + 1
    sequences.set(agent, sequence)
    return [setStatus(agent, sequence, sequence % 2 === 1 ? 'frozen' : 'open')]
  }
  const transfers = Array.from({ length: 1 + draw(12) }, drawTransfer)
  return kind < 0.06 ? [...transfers, transfer(anAgent(), newAgent(), '1')] : transfers
}

async function post({ acknowledged, tokens }: World, gate: Gate, commands: Asked[]): Promise<void> {
  const outcomes = await gate.post(commands.map((command) => Command.parse(command)))
  for (const [i, outcome] of outcomes.entries()) {
    const command = commands[i] as Asked
    acknowledged.push({ command, outcome })
    if (command.op === 'issue_token' && outcome.ok && outcome.payment)
      tokens.push({ id: outcome.payment.id, payer: command.payer_agent, payee: command.payee_agent })
  }
  tokens.splice(0, tokens.length - TOKENS_KEPT)
}

interface Kept {
  id: string
  from_agent: string
  to_agent: string
  from_did: string
  to_did: string
  amount: bigint
  fee: bigint
  available: bigint
}

/** Each transfer that was told as done stands there as it was told, and no other does. */
async function expectAcknowledged(db: Database, acknowledged: readonly Acknowledged[]): Promise<void> {
  const rows = await db.query<Kept>(
    `select m.id, m.from_agent, m.to_agent, m.from_did, m.to_did, m.amount, m.fee,
       m.from_balance - coalesce(m.from_held, 0) as available
     from teg.transfers m where m.kind = 'transfer' and m.code is null`,
  )
  const kept = new Map(
    rows.map(({ id, amount, fee, available, ...names }) => [
      id,
      {
        ...names,
        amount: formatAmount(amount),
        fee: formatAmount(fee),
        balance_after: formatAmount(available),
      },
    ]),
  )
  const told = acknowledged.flatMap(({ command, outcome }) =>
    command.op === 'transfer' && outcome.transfer ? [outcome.transfer] : [],
  )
  expect(new Set(told.map(({ id }) => id)).size).toBe(rows.length)
  for (const { id, from_agent, to_agent, from_did, to_did, amount, fee, balance_after } of told)
    expect({ from_agent, to_agent, from_did, to_did, amount, fee, balance_after }).toEqual(kept.get(id))
}
