/** Agents beside a gate of their own, for tests that compare the gate's two ways. */
import { silentLog } from '#core/platform/log.ts'
import { type Gate, openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { withMethods } from '../database.ts'
import { anyCall, didOf, grant, newAgent, openAccount, type TestTeg } from '../teg.ts'

export const AGENTS = 6
/** What each of them has at first, AVT. */
const GRANT = '5'

/** Opens twins on the database of a TEG, and counts what their gates ask of it. */
export function openTwins(t: TestTeg) {
  /** Statements by the function of the gate that they call. */
  const calls = { short: 0, long: 0 }
  /** Batches of the short way that went as foreseen, and whose transfers were judged one after the other. */
  const went = { foreseen: 0, inTurn: 0 }
  const counted = withMethods(t.db, {
    query: async <T>(...[text, params, options]: Parameters<typeof t.db.query>) => {
      if (text.includes('teg.apply_transfers')) calls.short++
      if (text.includes('teg.apply_commands')) calls.long++
      const rows = await t.db.query<T>(text, params, options)
      const [row] = rows as { o_after?: string | null }[]
      if (row && 'o_after' in row) went[row.o_after === null ? 'inTurn' : 'foreseen']++
      return rows
    },
  })
  const gateOf = (short: boolean) =>
    openGate({ db: counted, clock: t.clock, newId: newAgent, log: silentLog, short })

  /** Agents with their gate; what differs between twins by nature is taken out of what is seen. */
  async function openTwin(short: boolean) {
    const agents = Array.from({ length: AGENTS }, newAgent)
    await t.client.commands(
      anyCall(),
      agents.flatMap((agent) => [openAccount(agent), grant(agent, GRANT)]),
    )
    const places = new Map(agents.flatMap((agent, i) => [[agent, i] as const, [didOf(agent), i] as const]))
    const seen = (outcome: Outcome) => ({
      ...outcome,
      transfer: outcome.transfer && {
        ...outcome.transfer,
        id: '',
        from_agent: places.get(outcome.transfer.from_agent),
        from_did: places.get(outcome.transfer.from_did),
        to_agent: places.get(outcome.transfer.to_agent as string),
        to_did: places.get(outcome.transfer.to_did),
      },
    })
    return { agents, gate: gateOf(short), seen }
  }
  return { calls, went, openTwin }
}

export type Twin = Awaited<ReturnType<ReturnType<typeof openTwins>['openTwin']>>

/** Runs one command. */
export const post = async (gate: Gate, command: object): Promise<Outcome> =>
  (await gate.post([Command.parse(command)]))[0] as Outcome
