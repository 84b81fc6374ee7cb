/**
 * The words between registry and TEG: the one place, with teg-commands.ts, where both sides' shapes stand.
 * The TEG speaks HTTP inside the stack only (service token). Public objects (Transfer, StatementItem, Balance, Supply)
 * are made by the TEG exactly as design/api.md shows them; the registry passes them on.
 */
import { z } from 'zod'
import { AmountOut, PageOf, RateOut, TimeOut, Uuid } from '#core/base/shapes.ts'

export * from './teg-commands.ts'

export const Transfer = z.strictObject({
  id: Uuid,
  status: z.enum(['pending', 'completed', 'failed']),
  route: z.enum(['local', 'cross_registry']),
  from_agent: Uuid,
  from_did: z.string(),
  to_agent: Uuid.nullable(),
  to_did: z.string(),
  amount: AmountOut,
  fee: AmountOut,
  net: AmountOut,
  fee_rate: RateOut,
  memo: z.string().nullable(),
  reference: z.string().nullable(),
  failure_code: z.string().nullable(),
  refund_of: Uuid.nullable(),
  created_at: TimeOut,
  completed_at: TimeOut.nullable(),
  /** Available balance of the payer after it; only in the payer's own call. */
  balance_after: AmountOut.optional(),
})
export type Transfer = z.infer<typeof Transfer>

/** A payment token as api.md shows it, without the secret; `payer_did` and `payee_did` for the token's own claims. */
export const Payment = z.strictObject({
  id: Uuid,
  status: z.enum(['active', 'redeemed', 'cancelled', 'expired']),
  payer_agent: Uuid,
  payer_did: z.string(),
  payee_agent: Uuid,
  payee_did: z.string(),
  amount: AmountOut,
  redeemed_amount: AmountOut,
  created_at: TimeOut,
  expires_at: TimeOut,
  /** The transfer that redeemed it. */
  transfer_id: Uuid.nullable(),
  task_ref: z.string().nullable(),
})
export type Payment = z.infer<typeof Payment>
/**
 * GET /payments/{id}/redemption on the TEG: the token, and what stands against redeeming it in whole at this moment, in
 * the gate's own words; null: nothing does.
 */
export const Redemption = z.strictObject({
  payment: Payment,
  refusal: z.strictObject({ code: z.string(), detail: z.string() }).nullable(),
})
export type Redemption = z.infer<typeof Redemption>
export const PaymentPage = PageOf(Payment)
/** POST /payments/search on the TEG; newest first. An active token whose time is over is shown as expired. */
export const PaymentSearch = z.strictObject({
  agents: z.array(Uuid).max(1000).nullable(),
  status: z.enum(['active', 'redeemed', 'cancelled', 'expired']).nullable(),
  limit: z.number().int().min(1).max(200),
  cursor: z.string().max(1024).nullable(),
})
/** GET /payments/expired?limit= on the TEG: active tokens whose time is over, oldest first, for the expiry task. */
export const ExpiredPayments = z.strictObject({
  items: z.array(z.strictObject({ token_id: Uuid, payer_agent: Uuid })),
})

/** What a grant has credited: no Transfer, since no agent pays. It stands in the statement and in the postings. */
export const GrantResult = z.strictObject({
  transfer_id: Uuid,
  agent: Uuid,
  developer: Uuid,
  amount: AmountOut,
})

/** What was issued or destroyed; `agent` null: to or of the treasury. */
export const SupplyChange = z.strictObject({
  transfer_id: Uuid,
  agent: Uuid.nullable(),
  amount: AmountOut,
  created_at: TimeOut,
})
export type SupplyChange = z.infer<typeof SupplyChange>

/** Outcome of one command, in the order of the commands. */
export const Outcome = z.strictObject({
  ok: z.boolean(),
  /** The first outcome of this key is given again. */
  replayed: z.boolean(),
  /** With ok: the Transfer of a transfer, a refund and a closing that moved the balance; null for all else. */
  transfer: Transfer.nullable(),
  /**
   * With ok: what the acting account has available after it, of everything but transfers, refunds and closings (whose
   * Transfer tells it): the payer of an issue, a cancellation and an expiry, the payee of a redemption, the agent of a
   * grant, of mint and of burn. Absent for the treasury, and where an outcome is older than this field.
   */
  balance_after: AmountOut.optional(),
  /** With ok: what a grant has credited. */
  grant: GrantResult.optional(),
  /** With ok: the token of an issue, a redemption (beside its transfer), a cancellation and an expiry. */
  payment: Payment.optional(),
  /** With ok: what was issued or destroyed. */
  supply_change: SupplyChange.optional(),
  /** Without ok. */
  error: z.strictObject({ code: z.string(), detail: z.string() }).nullable(),
})
export type Outcome = z.infer<typeof Outcome>
export const OutcomeBatch = z.strictObject({ outcomes: z.array(Outcome) })

export const Balance = z.strictObject({
  available: AmountOut,
  held: AmountOut,
  staked: AmountOut,
  unbonding: AmountOut,
  total: AmountOut,
})
export type Balance = z.infer<typeof Balance>

export const StatementItem = z.strictObject({
  id: Uuid,
  transfer_id: Uuid,
  kind: z.enum([
    'genesis_grant',
    'transfer',
    'payment',
    'crossing',
    'stake',
    'reward',
    'slash',
    'refund',
    'mint',
    'burn',
  ]),
  direction: z.enum(['in', 'out']),
  amount: AmountOut,
  fee: AmountOut,
  counterparty_did: z.string().nullable(),
  balance_after: AmountOut,
  sequence: z.number().int(),
  created_at: TimeOut,
})
export type StatementItem = z.infer<typeof StatementItem>
export const StatementPage = PageOf(StatementItem)

/** GET /transfers/{id} and POST /transfers/search on the TEG. */
export const TransferSearch = z.strictObject({
  /** Parties; null: every transfer (operators, auditors). */
  agents: z.array(Uuid).max(1000).nullable(),
  direction: z.enum(['in', 'out']).nullable(),
  status: z.enum(['pending', 'completed', 'failed']).nullable(),
  limit: z.number().int().min(1).max(200),
  cursor: z.string().max(1024).nullable(),
})
export const TransferPage = PageOf(Transfer)

/** GET /supply: every committed snapshot holds issued - destroyed + transit_net == circulating. */
export const Supply = z.strictObject({
  tokens_issued: AmountOut,
  tokens_destroyed: AmountOut,
  transit_net: AmountOut,
  tokens_circulating: AmountOut,
  holds: AmountOut,
  as_of: TimeOut,
})
export type Supply = z.infer<typeof Supply>

/** POST /supply-changes/search on the TEG: what has become of a mint or burn; null: it was refused, or never came. */
export const SupplyChangeSearch = z.strictObject({
  op: z.enum(['mint', 'burn']),
  key: z.string().max(132),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
})
export type SupplyChangeSearch = z.infer<typeof SupplyChangeSearch>
export const SupplyChangeFound = z.strictObject({ supply_change: SupplyChange.nullable() })
export type SupplyChangeFound = z.infer<typeof SupplyChangeFound>

/** GET /minting. */
export const Minting = z.strictObject({
  /** The TEG may issue and destroy AVT on the operator's order now. */
  authority: z.boolean(),
  /** It has done so once: never taken back. */
  ever_minted: z.boolean(),
})
export type Minting = z.infer<typeof Minting>

/** GET /treasury. */
export const Treasury = z.strictObject({ balance: AmountOut, fees_collected: AmountOut, as_of: TimeOut })
export type Treasury = z.infer<typeof Treasury>

/** GET /fees: the snapshot in force; POST /fees {FeePosting} -> the snapshot in force after it. */
export const FeeSnapshot = z.strictObject({
  id: z.string().regex(/^[0-9]{1,18}$/),
  settings_version: z.number().int(),
  base_rate: RateOut,
  effective_rate: RateOut,
  created_at: TimeOut,
})
export type FeeSnapshot = z.infer<typeof FeeSnapshot>
/** GET /fees/records?limit=&cursor=: every snapshot, the newest first. */
export const FeePage = PageOf(FeeSnapshot)
/** Idempotent by version; a lower version than the newest is ignored; bounds 0.005 to 0.05 are checked here too. */
export const FeePosting = z.strictObject({
  settings_version: z.number().int().min(0),
  base_rate: RateOut,
  effective_rate: RateOut,
})

/** GET /outbox?after=<number>&limit=: events of committed batches, numbered without gaps. */
export const OutboxItem = z.strictObject({
  number: z.number().int(),
  id: Uuid,
  type: z.string(),
  subject: z.string(),
  time: TimeOut,
  /** transfer.completed: the Transfer without balance_after. genesis.granted: {transfer_id, agent, developer, amount}. */
  data: z.custom<Record<string, unknown>>(
    (data) => typeof data === 'object' && data !== null && !Array.isArray(data),
    'must be an object',
  ),
  /** Agents whose owners may see the event; null: public. */
  parties: z.array(Uuid).nullable(),
})
export type OutboxItem = z.infer<typeof OutboxItem>
export const OutboxPage = z.strictObject({ incarnation: z.string(), items: z.array(OutboxItem) })

/** GET /postings?after=&limit= (auditors): every leg, in commit order of the ledger. */
export const Posting = z.strictObject({
  sequence: z.string(),
  transfer_id: Uuid,
  account: z.string(),
  amount: AmountOut,
  balance_after: AmountOut.nullable(),
  created_at: TimeOut,
})
export const PostingPage = PageOf(Posting)

/** Refusals of the gate: code -> status and public title. The registry answers them as they are. */
export const gateErrors = {
  amount_out_of_range: { status: 422, title: 'The amount is out of range' },
  same_agent: { status: 422, title: 'An agent cannot pay itself' },
  insufficient_funds: { status: 422, title: 'The payer does not have the funds' },
  limit_exceeded: { status: 422, title: 'The key may not spend this' },
  quote_mismatch: { status: 422, title: 'The quote was given for something else' },
  refund_exceeds: { status: 422, title: 'The refund is more than what is left of the transfer' },
  out_of_bounds: { status: 422, title: 'The value is outside its bounds' },
  idempotency_key_reused: { status: 422, title: 'This Idempotency-Key was used with another request' },
  agent_not_found: { status: 404, title: 'There is no such agent' },
  not_found: { status: 404, title: 'There is nothing here that you may see' },
  agent_not_active: { status: 409, title: 'The agent is not active' },
  agent_not_empty: { status: 409, title: 'The agent still has AVT' },
  quote_expired: { status: 409, title: 'The quote has expired' },
  no_route: { status: 409, title: 'There is no route to that agent' },
  audience_mismatch: { status: 403, title: 'The token was issued for another payee' },
  token_expired: { status: 409, title: 'The token has expired' },
  token_redeemed: { status: 409, title: 'The token has been redeemed' },
  token_cancelled: { status: 409, title: 'The token has been cancelled' },
  linked_failed: { status: 409, title: 'Another command of its linked group was refused' },
  minting_disabled: { status: 409, title: 'This TEG may not mint' },
  stale_epoch: { status: 409, title: 'A newer holder of the task exists' },
  budget_exhausted: { status: 409, title: "The day's budget of genesis grants is used up" },
  already_granted: { status: 409, title: 'This developer has had the genesis grant' },
} as const
