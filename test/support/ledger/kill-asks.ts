/** What the clients of a kill series ask for, how it is asked again with the same key, and what its answer is. */
import { randomUUID } from 'node:crypto'
import { gateErrors } from '#core/wire/teg.ts'
import { PROCESS_OPERATOR_KEY } from '#test/support/process.ts'
import type { Answer, Api } from '#test/support/request.ts'
import type { ServicePair } from '#test/support/service-pair.ts'

export type AskKind = 'transfer' | 'refund' | 'issue' | 'redeem' | 'cancel' | 'mint' | 'burn' | 'grant'

/** One command as its client sees it. */
export interface Sent {
  readonly kind: AskKind
  readonly key: string
  /** Whose key it is in the ledger; of a grant and of a cancellation, whose keys are developer and token: ''. */
  readonly scope: string
  /** Who pays or is paid; null: the treasury, or nobody is told. */
  readonly from: string | null
  readonly to: string | null
  /** AVT; null: all that is left. */
  readonly amount: string | null
  /** The token that is redeemed or cancelled, the transfer that is paid back. */
  readonly of?: string
  /** The text of the token. */
  readonly text?: string
  /** The first answer: an id, the status of a token, or the code of the refusal; null: none came. */
  answer: string | null
}

interface Issued {
  readonly id: string
  readonly text: string
  readonly payee: string
}

/** Tokens and transfers that are drawn from: few, so that redemption and cancellation meet. */
const KEPT = 24
/** Of a hundred: what else than transfers is asked for. */
const shares: readonly [AskKind, number][] = [
  ['issue', 12],
  ['redeem', 10],
  ['cancel', 5],
  ['refund', 8],
  ['mint', 3],
  ['burn', 3],
  ['grant', 2],
]
const drawn = shares.flatMap(([kind, share]) => Array.from({ length: share }, () => kind))
/** Answers under which a client asks again with the same key. */
const outageCodes = new Set(['database_unavailable'])
const passing = new Set(['teg_unavailable', 'outcome_unknown', 'overloaded', 'shutting_down', 'timed_out'])

export type Asks = ReturnType<typeof openAsks>

export function openAsks(
  pair: ServicePair,
  api: Api,
  token: string,
  agents: readonly string[],
  random: () => number,
  /** Whether the registry's own database may be away. */
  outage: () => boolean,
) {
  const sent: Sent[] = []
  const strays: string[] = []
  const issued: Issued[] = []
  const paid: { id: string; payee: string }[] = []
  const below = (count: number) => Math.floor(random() * count)
  const keep = <T>(list: T[], one: T) => {
    list.push(one)
    if (list.length > KEPT) list.shift()
  }

  function make(kind: AskKind): Sent {
    const from = below(agents.length)
    const payer = agents[from] as string
    const payee = agents[(from + 1 + below(agents.length - 1)) % agents.length] as string
    const base = { kind, key: randomUUID() as string, answer: null }
    const small = (0.01 + below(100) / 100).toFixed(2)
    const known = issued[below(issued.length)]
    const back = paid[below(paid.length)]
    switch (kind) {
      case 'redeem':
        if (!known) return make('issue')
        return {
          ...base,
          scope: known.payee,
          from: null,
          to: known.payee,
          amount: random() < 0.7 ? null : '0.01',
          of: known.id,
          text: known.text,
        }
      case 'cancel':
        if (!known) return make('issue')
        return { ...base, scope: '', from: null, to: null, amount: null, of: known.id }
      case 'refund':
        if (!back) return make('transfer')
        return {
          ...base,
          scope: back.payee,
          from: back.payee,
          to: null,
          amount: random() < 0.5 ? null : small,
          of: back.id,
        }
      case 'mint':
        return { ...base, scope: 'system:mint', from: null, to: random() < 0.3 ? null : payee, amount: small }
      case 'burn':
        return { ...base, scope: 'system:burn', from: random() < 0.3 ? null : payer, to: null, amount: small }
      case 'grant':
        return { ...base, scope: '', from: null, to: payee, amount: '0.5' }
      case 'issue':
        return { ...base, scope: payer, from: payer, to: payee, amount: (0.01 + below(600) / 100).toFixed(2) }
      default:
        return {
          ...base,
          scope: payer,
          from: payer,
          to: payee,
          amount: (0.01 + below(3000) / 100).toFixed(2),
        }
    }
  }

  /** Draws one and notes it as sent. */
  function draw(kind?: AskKind): Sent {
    const made = make(kind ?? drawn[below(100)] ?? 'transfer')
    sent.push(made)
    return made
  }

  const post = async (path: string, body: unknown, who: string, key?: string): Promise<Answer | null> => {
    const before = outage()
    const reply = await api
      .post(path, body, { token: who, ...(key === undefined ? {} : { key }) })
      .catch(() => null)
    if (!reply) return null
    const { status } = reply
    const code = reply.body?.code as string | undefined
    if (
      status === 200 ||
      status === 201 ||
      ((status === 409 || status === 422) && (code ?? '') in gateErrors)
    )
      return reply
    if (!passing.has(code ?? '') && !((before || outage()) && outageCodes.has(code ?? '')))
      strays.push(`${path}: ${status} ${reply.text}`)
    return null
  }

  const transferOf = ({ from, to, amount }: Sent) => ({ from_agent: from, to_agent: to, amount })
  const requestOf = (one: Sent): Promise<Answer | null> => {
    const { from, to, amount, key } = one
    const some = amount === null ? {} : { amount }
    switch (one.kind) {
      case 'issue': {
        const order = { payer_agent: from, payee_agent: to, amount, expires_in: 86_400 }
        return post('/payments/tokens', order, token, key)
      }
      case 'redeem':
        return post('/payments/tokens/redeem', { token: one.text, ...some }, token, key)
      case 'cancel':
        return post(`/payments/tokens/${one.of}/cancel`, undefined, token)
      case 'refund':
        return post(`/transfers/${one.of}/refund`, some, token, key)
      case 'mint':
        return post('/operator/mint', { to_agent: to, amount }, PROCESS_OPERATOR_KEY, key)
      case 'burn':
        return post('/operator/burn', { from_agent: from, amount }, PROCESS_OPERATOR_KEY, key)
      default:
        return post('/transfers', transferOf(one), token, key)
    }
  }

  /** A grant goes to the TEG as the registry's sweep of due grants sends it. */
  async function askGrant({ key, to, amount }: Sent): Promise<string | null> {
    try {
      const [outcome] = await pair.post([
        {
          op: 'grant',
          developer: key,
          agent: to as string,
          amount: amount as string,
          budget_per_day: '9007199254',
        },
      ])
      return outcome?.error?.code ?? outcome?.grant?.transfer_id ?? null
    } catch (error) {
      const text = (error as Error).message
      if (/^the TEG answered (?!50[34])/.test(text)) strays.push(text)
      return null
    }
  }

  /** Asks for one. @returns its answer; null: none came */
  async function ask(one: Sent): Promise<string | null> {
    if (one.kind === 'grant') return askGrant(one)
    const reply = await requestOf(one)
    if (!reply) return null
    const { body } = reply
    if (reply.status >= 400) return body.code
    if (one.kind === 'issue') keep(issued, { id: body.id, text: body.token, payee: one.to as string })
    if (one.kind === 'transfer') keep(paid, { id: body.id, payee: one.to as string })
    if (one.kind === 'cancel') return body.status
    if (one.kind === 'redeem') return body.transfer.id
    return one.kind === 'mint' || one.kind === 'burn' ? body.transfer_id : body.id
  }

  /** The answers of transfers that are asked for in one batch, one by one; null: none came. */
  async function askMany(items: readonly Sent[]): Promise<string[] | null> {
    const transfers = items.map((item) => ({ ...transferOf(item), idempotency_key: item.key }))
    const reply = await post('/transfers/batch', { transfers }, token, randomUUID())
    if (!reply) return null
    return reply.body.items.map(
      (item: { status: string; error: { code: string }; transfer: { id: string } }) =>
        item.status === 'refused' ? item.error.code : item.transfer.id,
    )
  }

  return { sent, strays, draw, ask, askMany }
}
