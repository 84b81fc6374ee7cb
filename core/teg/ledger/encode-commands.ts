/** Turns commands into the gate's parallel arrays: accounts and keys once each, commands by their places. */
import type { z } from 'zod'
import { isUuid } from '#core/base/ids.ts'
import { type Command, isLinked } from '#core/wire/teg.ts'
import { type DigestKey, sha256 } from './digest-key.ts'

/** A command as the wire's shape gives it: amounts in micro-AVT. */
export type ParsedCommand = z.output<typeof Command>

export interface GateArrays {
  readonly accounts: readonly string[]
  readonly dids: readonly string[]
  readonly keys: readonly string[]
  /** Tasks that send commands under a fence. */
  readonly tasks: readonly string[]
  readonly op: readonly number[]
  readonly idem: readonly string[]
  readonly hash: readonly bigint[]
  readonly key: readonly string[]
  readonly twin: readonly number[]
  /** Linked to the next command; empty when none is. */
  readonly linked: readonly boolean[]
  readonly from: readonly (number | null)[]
  readonly to: readonly (number | null)[]
  readonly amount: readonly (bigint | null)[]
  readonly memo: readonly (string | null)[]
  readonly reference: readonly (string | null)[]
  readonly extra: readonly (string | null)[]
}

const ops = {
  open_account: 1,
  set_status: 2,
  transfer: 3,
  refund: 4,
  grant: 5,
  issue_token: 6,
  redeem_token: 7,
  cancel_token: 8,
  expire_token: 9,
  mint: 10,
  burn: 11,
} as const
const statuses = { open: 1, frozen: 2, closed: 3 } as const

/** What the gate asks of one command. */
interface Row {
  /** Null: no agent acts and none is paid (mint and burn of the treasury). */
  acting: string | null
  payee: string | null
  /** Scope and key: together they name the outcome for ever. */
  scope: string
  key: string
  hash: bigint
  amount: bigint | null
  memo: string | null
  reference: string | null
  extra: Record<string, unknown> | null
}

/** The first 64 bits of a digest. */
export const hashOf = (hex: string) => BigInt.asIntN(64, BigInt(`0x${hex.slice(0, 16)}`))

/** Encodes a batch. */
export function encodeCommands(
  commands: readonly ParsedCommand[],
  newId: () => string,
  digestKey: DigestKey,
): GateArrays {
  const spenders = new Map<string, number>()
  const rows = commands.map((command) => describe(command, spenders))
  const named = rows.flatMap((row) => [row.acting, row.payee]).filter((name) => name !== null)
  const accounts = [...new Set(named.filter(isUuid))].sort()
  const dids = [...new Set(named.filter((name) => !isUuid(name)))]
  const places = new Map([...accounts, ...dids].map((name, index) => [name, index + 1]))
  const place = (name: string | null) => (name === null ? null : (places.get(name) as number))

  // A status change may close, reopen and close an account again: its movements are told apart by an id each.
  const idem = rows.map((row) =>
    digestKey(row.scope, row.scope === 'system:status' ? `${row.key}\n${newId()}` : row.key),
  )
  const firsts = new Map<string, number>()
  const twin = idem.map((value, index) => {
    const first = firsts.get(value)
    if (first === undefined) firsts.set(value, index + 1)
    return first ?? 0
  })
  return {
    accounts,
    dids,
    keys: [...spenders.keys()],
    tasks: [...new Set(commands.flatMap((command) => fenceOf(command)?.task ?? []))].sort(),
    op: commands.map((command) => ops[command.op]),
    idem,
    hash: rows.map((row) => row.hash),
    key: rows.map((row) => row.key),
    twin,
    linked: commands.some(isLinked) ? commands.map(isLinked) : [],
    from: rows.map((row) => place(row.acting)),
    to: rows.map((row) => place(row.payee)),
    amount: rows.map((row) => row.amount),
    memo: rows.map((row) => row.memo),
    reference: rows.map((row) => row.reference),
    extra: rows.map((row, i) => encodeExtra(row.extra, fenceOf(commands[i] as ParsedCommand))),
  }
}

const fenceOf = (command: ParsedCommand) => ('fence' in command ? (command.fence ?? null) : null)

function encodeExtra(extra: Row['extra'], fence: ReturnType<typeof fenceOf>): string | null {
  if (fence) return JSON.stringify({ ...extra, fence })
  return extra && JSON.stringify(extra)
}

const plain = { payee: null, amount: null, memo: null, reference: null, extra: null } as const

function describe(command: ParsedCommand, spenders: Map<string, number>): Row {
  switch (command.op) {
    case 'open_account': {
      const { agent, did, owner } = command
      const hash = hashOf(sha256(`open\n${did}\n${owner}`))
      return { ...plain, acting: agent, scope: 'system:open', key: agent, hash, extra: { did, owner } }
    }
    case 'set_status': {
      const { agent, sequence, status, move_balance_to: payee } = command
      const extra = { sequence, status: statuses[status] }
      const key = `${agent}:${sequence}`
      return {
        ...plain,
        acting: agent,
        payee,
        scope: 'system:status',
        key,
        hash: hashOf(sha256(status)),
        extra,
      }
    }
    case 'transfer': {
      const { from_agent: acting, to_agent: payee, key, amount, memo, reference } = command
      const extra = {
        ...(command.quote && { quote: command.quote }),
        ...(command.limits && { limits: encodeLimits(command.limits, spenders) }),
      }
      const some = Object.keys(extra).length > 0 ? extra : null
      return {
        acting,
        payee,
        scope: acting,
        key,
        hash: hashOf(command.hash),
        amount,
        memo,
        reference,
        extra: some,
      }
    }
    case 'refund': {
      const { agent: acting, key, amount, transfer_id: original } = command
      const limits = command.limits && { limits: encodeLimits(command.limits, spenders) }
      const hash = hashOf(command.hash)
      return { ...plain, acting, scope: acting, key, hash, amount, extra: { original, ...limits } }
    }
    case 'grant': {
      const { agent, developer, amount } = command
      const extra = { developer, budget: command.budget_per_day.toString() }
      // The amount is not part of it: a setting changed between two tries must not make a second request of one grant.
      const hash = hashOf(sha256(`grant\n${agent}`))
      return { ...plain, acting: agent, scope: 'system:genesis', key: developer, hash, amount, extra }
    }
    case 'issue_token': {
      const { payer_agent: acting, payee_agent: payee, key, amount, expires_in, task_ref } = command
      const limits = command.limits && { limits: encodeLimits(command.limits, spenders) }
      const extra = { expires_in, ...(task_ref !== null && { task_ref }), ...limits }
      return { ...plain, acting, payee, scope: acting, key, hash: hashOf(command.hash), amount, extra }
    }
    case 'redeem_token': {
      const { payee_agent: acting, key, amount, memo, token_id: token } = command
      const hash = hashOf(command.hash)
      return { ...plain, acting, scope: acting, key, hash, amount, memo, extra: { token } }
    }
    case 'cancel_token':
    case 'expire_token': {
      const { payer_agent: acting, token_id: token } = command
      const scope = command.op === 'cancel_token' ? 'system:cancel' : 'system:expire'
      return { ...plain, acting, scope, key: token, hash: hashOf(sha256(acting)), extra: { token } }
    }
    case 'mint':
    case 'burn': {
      const acting = command.op === 'mint' ? command.to_agent : command.from_agent
      const { key, amount, memo } = command
      return {
        ...plain,
        acting,
        scope: `system:${command.op}`,
        key,
        hash: hashOf(command.hash),
        amount,
        memo,
      }
    }
  }
}

type Limits = NonNullable<Extract<ParsedCommand, { op: 'transfer' }>['limits']>

function encodeLimits(limits: Limits, spenders: Map<string, number>): Record<string, unknown> {
  const slot = spenders.get(limits.key_id) ?? spenders.size + 1
  spenders.set(limits.key_id, slot)
  return {
    slot,
    ...(limits.per_transfer !== null && { per_transfer: limits.per_transfer.toString() }),
    ...(limits.per_day !== null && { per_day: limits.per_day.toString() }),
    ...(limits.allowed_payees && { payees: limits.allowed_payees }),
  }
}
