/** The ledger in memory, written from the design alone: what the gate must answer, command by command. */
import { parseAmount } from '#core/base/amount.ts'
import type { Command } from '#core/wire/teg.ts'

/** What is compared with the gate. Amounts in micro-AVT. */
export interface Verdict {
  ok: boolean
  replayed: boolean
  code: string | null
  amount: bigint | null
  fee: bigint | null
  left: bigint | null
}
interface Account {
  balance: bigint
  status: 'open' | 'frozen' | 'closed'
  sequence: number
}
/** A movement that can be refunded; `id` is told once the gate has made it. */
interface Movement {
  id: string | null
  payer: string
  payee: string
  left: bigint
  refund: boolean
}

const PPM = 5000n
const MAX = 9_007_199_254_740_991n

export class Oracle {
  readonly accounts = new Map<string, Account>()
  readonly movements: Movement[] = []
  private readonly outcomes = new Map<string, { asked: string; verdict: Verdict }>()

  open(agent: string): void {
    this.accounts.set(agent, { balance: 0n, status: 'open', sequence: 0 })
  }

  apply(command: Command): Verdict {
    switch (command.op) {
      case 'transfer':
        return this.once(`${command.from_agent} ${command.key}`, command.hash, true, () => {
          const amount = micro(command.amount)
          if (amount < 100n || amount > MAX) return refuse('amount_out_of_range')
          return this.pay(command.from_agent, command.to_agent, amount, true, null)
        })
      case 'refund':
        return this.once(`${command.agent} ${command.key}`, command.hash, true, () => this.refund(command))
      case 'grant':
        return this.once(`grant ${command.developer}`, command.agent, false, () => this.grant(command))
      case 'set_status':
        return this.setStatus(command)
      default:
        throw new Error(`no rule for ${command.op}`)
    }
  }

  /** A key's first outcome is its only one; refusals that are not kept leave the key free. */
  private once(key: string, asked: string, keep: boolean, judge: () => Verdict): Verdict {
    const known = this.outcomes.get(key)
    if (known?.asked === asked) return { ...known.verdict, replayed: true }
    if (known) return refuse(keep ? 'idempotency_key_reused' : 'already_granted')
    const verdict = judge()
    if (keep || verdict.ok) this.outcomes.set(key, { asked, verdict })
    return verdict
  }

  private pay(from: string, to: string, amount: bigint, charged: boolean, of: Movement | null): Verdict {
    const [payer, payee] = [this.of(from), this.accounts.get(to)]
    if (!payee) return refuse('agent_not_found')
    if (from === to) return refuse('same_agent')
    if (payer.status !== 'open' || payee.status !== 'open') return refuse('agent_not_active')
    if (amount > payer.balance) return refuse('insufficient_funds')
    const fee = charged ? (amount * PPM + 999_999n) / 1_000_000n : 0n
    payer.balance -= amount
    payee.balance += amount - fee
    if (of) of.left -= amount
    this.movements.push({ id: null, payer: from, payee: to, left: amount - fee, refund: of !== null })
    return { ok: true, replayed: false, code: null, amount, fee, left: payer.balance }
  }

  private refund(command: Extract<Command, { op: 'refund' }>): Verdict {
    const of = this.movements.find((movement) => movement.id === command.transfer_id)
    if (of?.payee !== command.agent) return refuse('not_found')
    if (of.refund) return refuse('refund_exceeds')
    const amount = command.amount === null ? of.left : micro(command.amount)
    if (amount <= 0n) return refuse(of.left === 0n ? 'refund_exceeds' : 'amount_out_of_range')
    if (amount > MAX) return refuse('amount_out_of_range')
    if (amount > of.left) return refuse('refund_exceeds')
    return this.pay(command.agent, of.payer, amount, false, of)
  }

  private grant(command: Extract<Command, { op: 'grant' }>): Verdict {
    const account = this.of(command.agent)
    const amount = micro(command.amount)
    if (amount < 1n || amount > MAX) return refuse('amount_out_of_range')
    if (account.status !== 'open') return refuse('agent_not_active')
    account.balance += amount
    return { ok: true, replayed: false, code: null, amount, fee: null, left: null }
  }

  private setStatus(command: Extract<Command, { op: 'set_status' }>): Verdict {
    const { agent, sequence, status, move_balance_to: heir } = command
    const account = this.of(agent)
    const key = `status ${agent} ${sequence}`
    const done: Verdict = { ok: true, replayed: false, code: null, amount: null, fee: null, left: null }
    if (sequence <= account.sequence) {
      const before = status === 'closed' && heir !== null ? this.outcomes.get(key)?.verdict : undefined
      return { ...(before ?? done), replayed: true }
    }
    let verdict = done
    if (status === 'closed' && account.balance > 0n) {
      if (heir === null) return refuse('agent_not_empty')
      verdict = this.pay(agent, heir, account.balance, false, null)
      if (!verdict.ok) return verdict
      this.outcomes.set(key, { asked: '', verdict })
    }
    account.status = status
    account.sequence = sequence
    return verdict
  }

  private of(agent: string): Account {
    return this.accounts.get(agent) as Account
  }
}

const micro = (text: string) => parseAmount(text) as bigint
const refuse = (code: string): Verdict => ({
  ok: false,
  replayed: false,
  code,
  amount: null,
  fee: null,
  left: null,
})
