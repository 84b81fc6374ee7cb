/** Short and long ways of several processes at once over few accounts: what was acknowledged is what the ledger holds, exactly. */
import { expect, test } from 'vitest'
import type { z } from 'zod'
import { formatAmount } from '#core/base/amount.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { type Gate, openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { findFaults } from '#test/support/ledger/ledger-faults.ts'
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
  startTeg,
  transfer,
} from '#test/support/teg.ts'

const seed = Number(process.env.GATES_SEED ?? Math.floor(Math.random() * 2 ** 31))
const ROUNDS = Number(process.env.SOAK_RUNS ?? 12)
const AGENTS = 10
const CALLS = 40
const t = await startTeg()

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

test.skipIf(t.db.kind !== 'pg')(
  `gates of two processes move AVT at once, and every answer stands in the ledger (GATES_SEED=${seed})`,
  async () => {
    const random = seededRandom(seed)
    const draw = (below: number) => Math.floor(random() * below)
    const [row] = await t.db.query<{ name: string }>('select current_database() as name')
    const url = new URL(process.env.TEST_DATABASE_URL as string)
    url.pathname = `/${row?.name}`
    const pools = [openPg({ url: url.href, max: 4 }), openPg({ url: url.href, max: 4 })]
    // The server's clock, or one that is put forwards and back by seconds from batch to batch.
    const clock = {
      get fixed() {
        return draw(4) > 0 ? null : new Date(Date.now() + draw(6000) - 3000)
      },
    }
    const gates = pools.flatMap((db) =>
      [true, true, false].map((short) => openGate({ db, clock, newId: newAgent, log: silentLog, short })),
    )
    const agents = Array.from({ length: AGENTS }, newAgent)
    const anAgent = () => agents[draw(AGENTS)] as string
    await t.client.commands(
      anyCall(),
      agents.flatMap((agent) => [openAccount(agent), grant(agent, '50')]),
    )
    const acknowledged: Acknowledged[] = []
    const tokens: { id: string; payer: string; payee: string }[] = []
    const sequences = new Map<string, number>()

    const drawTransfer = () => {
      const calm = random() < 0.93
      const from = draw(AGENTS)
      const to = calm ? (from + 1 + draw(AGENTS - 1)) % AGENTS : draw(AGENTS)
      const amount = calm ? 100 + draw(2000) : 50 + draw(20_000_000)
      return transfer(agents[from] as string, agents[to] as string, formatAmount(BigInt(amount)))
    }
    const drawCommands = (): z.input<typeof Command>[] => {
      const kind = random()
      const token = tokens[draw(tokens.length)]
      if (kind < 0.03)
        return [
          issueToken(anAgent(), anAgent(), formatAmount(BigInt(100 + draw(3_000_000))), { expires_in: 1 }),
        ]
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
    const post = async (gate: Gate, commands: z.input<typeof Command>[]) => {
      const outcomes = await gate.post(commands.map((command) => Command.parse(command)))
      for (const [i, outcome] of outcomes.entries()) {
        const command = commands[i] as z.input<typeof Command>
        acknowledged.push({ command, outcome })
        if (command.op === 'issue_token' && outcome.ok && outcome.payment)
          tokens.push({ id: outcome.payment.id, payer: command.payer_agent, payee: command.payee_agent })
      }
    }

    for (let round = 0; round < ROUNDS; round++) {
      const calls = Array.from({ length: CALLS }, async (_, i) => {
        if (i % 9 === 0) await t.db.query('select teg.number_outbox(3)')
        if (random() < 0.02)
          await t.db.query(
            `insert into teg.fee_snapshots (settings_version, base_ppm, effective_ppm, created_at)
             select max(s.settings_version) + 1, 5000, $1::integer, clock_timestamp() from teg.fee_snapshots s
             on conflict do nothing`,
            [5000 + draw(45_000)],
          )
        await post(gates[draw(gates.length)] as Gate, drawCommands())
      })
      await Promise.all(calls)
      for (const [agent, sequence] of sequences)
        if (sequence % 2 === 1) {
          sequences.set(agent, sequence + 1)
          await post(gates[0] as Gate, [setStatus(agent, sequence + 1, 'open')])
        }
    }
    for (const pool of pools) await pool.close()

    expect(await findFaults(t.db)).toEqual([])
    for (const [name, statement] of disorders) expect(await t.db.query(statement), name).toEqual([])
    await expectAcknowledged(acknowledged)
  },
  600_000,
)

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
async function expectAcknowledged(acknowledged: readonly Acknowledged[]): Promise<void> {
  const rows = await t.db.query<Kept>(
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
  expect(told.length).toBeGreaterThan(ROUNDS * CALLS)
  expect(new Set(told.map(({ id }) => id)).size).toBe(rows.length)
  for (const { id, from_agent, to_agent, from_did, to_did, amount, fee, balance_after } of told)
    expect({ from_agent, to_agent, from_did, to_did, amount, fee, balance_after }).toEqual(kept.get(id))
}
