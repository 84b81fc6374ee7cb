/** Three gates on one ledger, as of three processes, whose failed statements are noted: a deadlock that a retry got over must not stay unseen. */
import { silentLog } from '#core/platform/log.ts'
import { type Gate, openGate } from '#core/teg/ledger/open-gate.ts'
import { Command, type Outcome } from '#core/wire/teg.ts'
import { withMethods } from '../database.ts'
import { anyCall, grant, newAgent, openAccount, type TestTeg } from '../teg.ts'

/** The short way's word that a payer has due holds: no failure, the gate goes on by the long way, which voids them. */
const DUE = 'teg.open_tokens: some are due'

export interface WatchedGates {
  /** Errors of statements, in the order of their coming. */
  readonly failures: unknown[]
  /** Runs commands through one of the gates. */
  post(gate: number, commands: readonly object[]): Promise<Outcome[]>
  openAgents(count: number, avt: string): Promise<string[]>
}

export function watchGates(t: TestTeg, minting = false): WatchedGates {
  const failures: unknown[] = []
  const watched = withMethods(t.db, {
    query: (text, params, options) =>
      t.db.query(text, params, options).catch((error) => {
        if ((error as Error).message !== DUE) failures.push(error)
        throw error
      }) as never,
  })
  const gates: Gate[] = [0, 1, 2].map(() =>
    openGate({ db: watched, clock: t.clock, newId: newAgent, log: silentLog, minting }),
  )
  return {
    failures,
    post: (gate, commands) =>
      (gates[gate % gates.length] as Gate).post(commands.map((command) => Command.parse(command))),
    async openAgents(count, avt) {
      const agents = Array.from({ length: count }, newAgent)
      await t.client.commands(
        anyCall(),
        agents.flatMap((agent) => [openAccount(agent), grant(agent, avt)]),
      )
      return agents
    },
  }
}
