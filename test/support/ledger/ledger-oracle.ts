/** The ledger in memory, written from the design alone: what the gate must answer, command by command. */
import { parseAmount } from '#core/base/amount.ts'
import type { Command } from '#core/wire/teg.ts'
import { done, refuse, type Verdict } from './verdicts.ts'

type Account = { balance: bigint; status: 'open' | 'frozen' | 'closed'; sequence: number }
/** A movement that can be refunded; `id` is told once the gate has made it. */
type Movement = { id: string | null; payer: string; payee: string; left: bigint; refund: boolean }
interface Token {
  id: string | null
  payer: string
  payee: string
  amount: bigint
  until: number
  state: 'active' | 'redeemed' | 'cancelled' | 'expired'
  redeemed: bigint
  /** What its payer had available when a command of its own ended it. */
  left: bigint | null
}
type Of<Op extends Command['op']> = Extract<Command, { op: Op }>

const PPM = 5000n
const MAX = 9_007_199_254_740_991n

export class Oracle {
  /** Milliseconds. */
  now = 0
  treasury: bigint
  accounts = new Map<string, Account>()
  movements: Movement[] = []
  tokens: Token[] = []
  private outcomes = new Map<string, { asked: string; verdict: Verdict }>()

  constructor(treasury: bigint) {
    this.treasury = treasury
  }

  open(agent: string): void {
    this.accounts.set(agent, { balance: 0n, status: 'open', sequence: 0 })
  }

  /** What an account can spend: a hold counts until its time is over. */
  available = (agent: string): bigint => this.less(agent, (token) => this.stateOf(token) === 'active')

  /** What a reply tells: a hold counts until it is voided, though its time may be over. */
  private left = (agent: string | null) =>
    agent === null ? null : this.less(agent, ({ state }) => state === 'active')

  private less(agent: string, isHeld: (token: Token) => boolean): bigint {
    const held = this.tokens.filter((token) => token.payer === agent && isHeld(token))
    return this.of(agent).balance - held.reduce((sum, token) => sum + token.amount, 0n)
  }

  /** A batch: each command by itself, linked transfers together. */
  applyBatch(commands: readonly Command[]): Verdict[] {
    const verdicts: Verdict[] = []
    for (let at = 0; at < commands.length; ) {
      let end = at
      while (isLinked(commands[end]) && commands[end + 1]?.op === 'transfer') end++
      const group = commands.slice(at, end + 1)
      verdicts.push(
        ...(isLinked(group[0])
          ? this.applyGroup(group as Of<'transfer'>[])
          : [this.apply(group[0] as Command)]),
      )
      at = end + 1
    }
    return verdicts
  }

  private applyGroup(group: readonly Of<'transfer'>[]): Verdict[] {
    const before = structuredClone([
      this.accounts,
      this.movements,
      this.tokens,
      this.outcomes,
      this.treasury,
    ] as const)
    const verdicts: Verdict[] = []
    let bad = isLinked(group.at(-1)) ? -1 : group.length
    for (let i = 0; i < bad; i++) {
      verdicts.push(this.apply(group[i] as Command))
      if (!verdicts[i]?.ok) bad = i
    }
    if (bad === group.length) return verdicts
    ;[this.accounts, this.movements, this.tokens, this.outcomes, this.treasury] = before
    // Each key is used up: the one at fault keeps its own refusal.
    return group.map((command, i) => {
      this.voidDue(command.from_agent)
      const own = i === bad ? { ...(verdicts[i] as Verdict), replayed: false } : refuse('linked_failed')
      return this.once(`${command.from_agent} ${command.key}`, command.hash, true, () => own)
    })
  }

  private apply(command: Command): Verdict {
    switch (command.op) {
      case 'transfer':
        this.voidDue(command.from_agent)
        return this.once(`${command.from_agent} ${command.key}`, command.hash, true, () => {
          const amount = micro(command.amount)
          if (amount < 100n || amount > MAX) return refuse('amount_out_of_range')
          return this.pay(command.from_agent, command.to_agent, amount, true, null)
        })
      case 'refund':
        this.voidDue(command.agent)
        return this.once(`${command.agent} ${command.key}`, command.hash, true, () => this.refund(command))
      case 'grant':
        return this.once(`grant ${command.developer}`, command.agent, false, () => this.grant(command))
      case 'set_status':
        this.voidDue(command.agent)
        return this.setStatus(command)
      case 'issue_token':
        this.voidDue(command.payer_agent)
        return this.once(`${command.payer_agent} ${command.key}`, command.hash, true, () =>
          this.issue(command),
        )
      case 'redeem_token':
        return this.once(`${command.payee_agent} ${command.key}`, command.hash, true, () =>
          this.redeem(command),
        )
      case 'cancel_token':
      case 'expire_token':
        return this.end(command)
      case 'mint':
        return this.once(`mint ${command.key}`, command.hash, true, () => this.mint(command))
      case 'burn':
        if (command.from_agent !== null) this.voidDue(command.from_agent)
        return this.once(`burn ${command.key}`, command.hash, true, () => this.burn(command))
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

  private judgeParties(from: string, to: string, amount: bigint): Verdict | null {
    const [payer, payee] = [this.of(from), this.accounts.get(to)]
    if (!payee) return refuse('agent_not_found')
    if (from === to) return refuse('same_agent')
    if (payer.status !== 'open' || payee.status !== 'open') return refuse('agent_not_active')
    return amount > this.available(from) ? refuse('insufficient_funds') : null
  }

  private pay(from: string, to: string, amount: bigint, charged: boolean, of: Movement | null): Verdict {
    const refused = this.judgeParties(from, to, amount)
    if (refused) return refused
    const fee = this.move(from, to, amount, charged, of !== null)
    if (of) of.left -= amount
    return { ...done, amount, fee, left: this.available(from) }
  }

  private move(from: string, to: string, amount: bigint, charged: boolean, refund: boolean): bigint {
    const fee = charged ? (amount * PPM + 999_999n) / 1_000_000n : 0n
    this.of(from).balance -= amount
    this.of(to).balance += amount - fee
    this.treasury += fee
    this.movements.push({ id: null, payer: from, payee: to, left: amount - fee, refund })
    return fee
  }

  private refund(command: Of<'refund'>): Verdict {
    const of = this.movements.find((movement) => movement.id === command.transfer_id)
    if (of?.payee !== command.agent) return refuse('not_found')
    if (of.refund) return refuse('refund_exceeds')
    const amount = command.amount === null ? of.left : micro(command.amount)
    if (amount <= 0n) return refuse(of.left === 0n ? 'refund_exceeds' : 'amount_out_of_range')
    if (amount > MAX) return refuse('amount_out_of_range')
    if (amount > of.left) return refuse('refund_exceeds')
    return this.pay(command.agent, of.payer, amount, false, of)
  }

  private grant(command: Of<'grant'>): Verdict {
    const amount = micro(command.amount)
    if (amount < 1n || amount > MAX) return refuse('amount_out_of_range')
    if (this.of(command.agent).status !== 'open') return refuse('agent_not_active')
    this.of(command.agent).balance += amount
    return { ...done, amount, left: this.left(command.agent) }
  }

  private setStatus(command: Of<'set_status'>): Verdict {
    const { agent, sequence, status, move_balance_to: heir } = command
    const account = this.of(agent)
    const key = `status ${agent} ${sequence}`
    if (sequence <= account.sequence) {
      const before = status === 'closed' && heir !== null ? this.outcomes.get(key)?.verdict : undefined
      return { ...(before ?? done), replayed: true }
    }
    let verdict: Verdict = done
    if (status === 'closed' && this.available(agent) < account.balance) return refuse('agent_not_empty')
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

  private issue(command: Of<'issue_token'>): Verdict {
    const { payer_agent: payer, payee_agent: payee, expires_in } = command
    const amount = micro(command.amount)
    if (amount < 100n || amount > MAX) return refuse('amount_out_of_range')
    const refused = this.judgeParties(payer, payee, amount)
    if (refused) return refused
    const until = this.now + expires_in * 1000
    this.tokens.push({ id: null, payer, payee, amount, until, state: 'active', redeemed: 0n, left: null })
    return { ...done, token: 'active 0', left: this.left(payer) }
  }

  private redeem(command: Of<'redeem_token'>): Verdict {
    const token = this.tokens.find((one) => one.id === command.token_id)
    if (!token) return refuse('not_found')
    if (token.payee !== command.payee_agent) return refuse('audience_mismatch')
    if (this.stateOf(token) !== 'active') return refuse(`token_${this.stateOf(token)}`)
    const amount = command.amount === null ? token.amount : micro(command.amount)
    if (amount < 100n || amount > token.amount) return refuse('amount_out_of_range')
    const parties = [this.of(token.payer), this.of(token.payee)]
    if (parties.some((party) => party.status !== 'open')) return refuse('agent_not_active')
    Object.assign(token, { state: 'redeemed', redeemed: amount })
    const fee = this.move(token.payer, token.payee, amount, true, false)
    return { ...done, amount, fee, token: `redeemed ${amount}`, left: this.left(token.payee) }
  }

  private end(command: Of<'cancel_token'> | Of<'expire_token'>): Verdict {
    const token = this.tokens.find((one) => one.id === command.token_id)
    if (token?.payer !== command.payer_agent) return refuse('not_found')
    const shown = () => `${this.stateOf(token)} ${token.redeemed}`
    if (command.op === 'expire_token') {
      const due = token.state === 'active' && token.until <= this.now
      if (due) token.state = 'expired'
      if (due) token.left = this.left(token.payer)
      const left = token.state === 'expired' ? token.left : null
      return { ...done, replayed: !due, token: shown(), left }
    }
    const state = this.stateOf(token)
    if (state === 'redeemed' || state === 'expired') return refuse(`token_${state}`)
    token.state = 'cancelled'
    if (state === 'active') token.left = this.left(token.payer)
    return { ...done, replayed: state === 'cancelled', token: shown(), left: token.left }
  }

  private mint(command: Of<'mint'>): Verdict {
    const amount = micro(command.amount)
    if (amount < 1n || amount > MAX) return refuse('amount_out_of_range')
    const account = command.to_agent === null ? null : this.of(command.to_agent)
    if (account && account.status !== 'open') return refuse('agent_not_active')
    if (account) account.balance += amount
    else this.treasury += amount
    return { ...done, amount, left: this.left(command.to_agent) }
  }

  private burn(command: Of<'burn'>): Verdict {
    const { from_agent: agent } = command
    const amount = micro(command.amount)
    if (amount < 1n || amount > MAX) return refuse('amount_out_of_range')
    if (agent !== null && this.of(agent).status === 'closed') return refuse('agent_not_active')
    if (amount > (agent === null ? this.treasury : this.available(agent))) return refuse('insufficient_funds')
    if (agent === null) this.treasury -= amount
    else this.of(agent).balance -= amount
    return { ...done, amount, left: this.left(agent) }
  }

  /** Whoever acts has its holds that are due voided first. */
  private voidDue(agent: string): void {
    for (const token of this.tokens)
      if (token.payer === agent && this.stateOf(token) === 'expired') token.state = 'expired'
  }

  private stateOf(token: Token): Token['state'] {
    return token.state === 'active' && token.until <= this.now ? 'expired' : token.state
  }

  private of(agent: string): Account {
    return this.accounts.get(agent) as Account
  }
}

const isLinked = (command: Command | undefined) => command?.op === 'transfer' && command.linked === true
const micro = (text: string) => parseAmount(text) as bigint
