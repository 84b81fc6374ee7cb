/** A TEG of its own for tests of the ledger: application, client and short ways to make commands. */
import { randomUUID } from 'node:crypto'
import type { z } from 'zod'
import { readConfig } from '#core/platform/config.ts'
import { type Resources, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import type { Database } from '#core/platform/database/database.ts'
import { silentLog } from '#core/platform/log.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import type { TegCall, TegClient } from '#core/registry/teg-client.ts'
import type { TegResources } from '#core/teg/context.ts'
import { digestOf } from '#core/teg/ledger/digest-key.ts'
import type { Command, Outcome } from '#core/wire/teg.ts'
import { buildTeg } from '#host/build-teg.ts'
import { type TestClock, testClock } from './clock.ts'
import { testDatabase } from './database.ts'

export const SERVICE_TOKEN = 'service-token-for-tests-0123456789'

export interface TestTeg {
  readonly db: Database
  readonly clock: TestClock
  readonly teg: TegResources
  readonly client: TegClient
  readonly fetch: (request: Request) => Response | Promise<Response>
  /** Runs one command. */
  run(command: Command): Promise<Outcome>
  /** Opens an account, with AVT from a grant to a developer of its own. */
  open(avt?: string): Promise<string>
  /** Available AVT. */
  available(agent: string): Promise<string | undefined>
}

export const anyCall = (): TegCall => ({ requestId: 'test', signal: new AbortController().signal })
export const didOf = (agent: string) => `did:web:127.0.0.1%3A8000:api:v1:agents:${agent}`
export const newAgent = (): string => randomUUID()

type Part<T extends Command['op']> = Extract<z.input<typeof Command>, { op: T }>

/** A transfer; hash and key follow from the fields unless given. */
export function transfer(
  from_agent: string,
  to_agent: string,
  amount: string,
  more: Partial<Part<'transfer'>> = {},
) {
  const hash = digestOf(`${to_agent} ${amount}`).replaceAll('-', '').padEnd(64, '0')
  const plain = { memo: null, reference: null, quote: null, limits: null }
  return { op: 'transfer', key: randomUUID(), hash, from_agent, to_agent, amount, ...plain, ...more } as const
}
export function refund(
  agent: string,
  transfer_id: string,
  amount: string | null,
  more: Partial<Part<'refund'>> = {},
) {
  const hash = digestOf(`${transfer_id} ${amount}`).replaceAll('-', '').padEnd(64, '0')
  return { op: 'refund', key: randomUUID(), hash, agent, transfer_id, amount, limits: null, ...more } as const
}
export const openAccount = (agent: string) =>
  ({ op: 'open_account', agent, did: didOf(agent), owner: agent }) as const
export const setStatus = (
  agent: string,
  sequence: number,
  status: 'open' | 'frozen' | 'closed',
  move_balance_to: string | null = null,
) => ({ op: 'set_status', agent, sequence, status, move_balance_to }) as const
export const grant = (
  agent: string,
  amount: string,
  developer = randomUUID() as string,
  budget = '9999999999',
) => ({ op: 'grant', developer, agent, amount, budget_per_day: budget }) as const

const hashOf = (text: string) => digestOf(text).replaceAll('-', '').padEnd(64, '0')
export function issueToken(
  payer_agent: string,
  payee_agent: string,
  amount: string,
  more: Partial<Part<'issue_token'>> = {},
) {
  const hash = hashOf(`issue ${payee_agent} ${amount}`)
  const plain = { key: randomUUID(), hash, expires_in: 600, task_ref: null, limits: null }
  return { op: 'issue_token', ...plain, payer_agent, payee_agent, amount, ...more } as const
}
export function redeemToken(
  payee_agent: string,
  token_id: string,
  amount: string | null = null,
  more: Partial<Part<'redeem_token'>> = {},
) {
  const hash = hashOf(`redeem ${token_id} ${amount}`)
  return {
    op: 'redeem_token',
    key: randomUUID(),
    hash,
    payee_agent,
    token_id,
    amount,
    memo: null,
    ...more,
  } as const
}
export const cancelToken = (payer_agent: string, token_id: string) =>
  ({ op: 'cancel_token', payer_agent, token_id }) as const
export const expireToken = (
  payer_agent: string,
  token_id: string,
  fence: Part<'expire_token'>['fence'] = null,
) => ({ op: 'expire_token', payer_agent, token_id, fence }) as const
export const mint = (to_agent: string | null, amount: string, more: Partial<Part<'mint'>> = {}) =>
  ({
    op: 'mint',
    key: randomUUID(),
    hash: hashOf(`mint ${to_agent} ${amount}`),
    to_agent,
    amount,
    memo: null,
    ...more,
  }) as const
export const burn = (from_agent: string | null, amount: string, more: Partial<Part<'burn'>> = {}) =>
  ({
    op: 'burn',
    key: randomUUID(),
    hash: hashOf(`burn ${from_agent} ${amount}`),
    from_agent,
    amount,
    memo: null,
    ...more,
  }) as const

/** Starts it on a fresh database, or on a given one; `env` is its configuration. */
export async function startTeg(env: Record<string, string> = {}, given?: Database): Promise<TestTeg> {
  const clock = testClock()
  const db = given ?? (await testDatabase())
  const resources: Resources = {
    db,
    coordination: openInProcess(),
    clock,
    random: systemRandom,
    log: silentLog,
  }
  const built = await buildTeg({
    config: readConfig(env),
    resources,
    serviceToken: SERVICE_TOKEN,
    observe: () => undefined,
    draining: () => false,
  })
  const fetch = (request: Request) => built.app.fetch(request, { address: '127.0.0.1' })
  const client = openTegClient({ token: SERVICE_TOKEN, fetch, newId: () => randomUUID() })
  const run = (command: Command) => client.command(anyCall(), command)
  return {
    db,
    clock,
    teg: built.resources,
    client,
    fetch,
    run,
    async open(avt) {
      const agent = newAgent()
      await client.commands(anyCall(), [
        openAccount(agent),
        ...(avt === undefined ? [] : [grant(agent, avt)]),
      ])
      return agent
    },
    available: async (agent) => (await client.balance(anyCall(), agent))?.available,
  }
}
