/**
 * The words between registry and TEG: the one place where both sides' shapes stand.
 * The TEG speaks HTTP inside the stack only (service token). Public objects (Transfer, StatementItem, Balance, Supply)
 * are made by the TEG exactly as design/api.md shows them; the registry passes them on.
 */
import { z } from 'zod'
import {
  AgentRef,
  AmountIn,
  AmountOut,
  PageOf,
  RateOut,
  TimeOut,
  Timestamp,
  Uuid,
} from '#core/base/shapes.ts'

export const IdempotencyKey = z.string().regex(/^[\x21-\x7e]{1,128}$/)
/** A key as it travels: an item of a batch has the batch's key and `:<index>` (at most 999). */
const CommandKey = z.string().regex(/^[\x21-\x7e]{1,132}$/)
const Hash = z.string().regex(/^[0-9a-f]{64}$/)

export const AccountStatus = z.enum(['open', 'frozen', 'closed'])

/** What the key of an agent may spend; amounts in AVT. Judged in the gate, under the payer's lock. */
export const SpendLimits = z.strictObject({
  /** Identity of the key: the daily sum is kept per key. */
  key_id: Uuid,
  per_transfer: AmountIn.nullable(),
  per_day: AmountIn.nullable(),
  allowed_payees: z.array(AgentRef).max(100).nullable(),
})

/** A quote that the registry has verified or found bad; the gate judges it after the idempotency probe. */
export const QuoteClaim = z.strictObject({
  /** False: signature bad, or from, to or amount differ -> quote_mismatch. */
  matches: z.boolean(),
  fee_snapshot: z
    .string()
    .regex(/^[0-9]{1,18}$/)
    .nullable(),
  valid_until: Timestamp.nullable(),
})

/**
 * On whose order a task's command comes. The TEG keeps the highest epoch per task, by (incarnation, counter), and
 * refuses a command of a lower one in the same call: `stale_epoch`, which is not stored. `slot` is for the log.
 */
export const TaskFence = z.strictObject({
  task: z.string().regex(/^[a-z][a-z0-9_]{0,62}$/),
  incarnation: z.number().int().min(0),
  epoch: z.string().regex(/^[0-9]{1,18}$/),
  slot: Timestamp,
})
export type TaskFence = z.input<typeof TaskFence>

/** Opens an agent's account; idempotent by agent. */
export const OpenAccount = z.strictObject({
  op: z.literal('open_account'),
  agent: Uuid,
  did: z.string().max(512),
  owner: Uuid,
})
/** Changes an account's status; keyed by agent and envelope sequence; a lower sequence than the last one is ignored. */
export const SetStatus = z.strictObject({
  op: z.literal('set_status'),
  agent: Uuid,
  sequence: z.number().int().min(1),
  status: AccountStatus,
  /** Only with `closed`: where what is left goes, in the same command, without fee. */
  move_balance_to: AgentRef.nullable(),
  /** Of a sweep that repairs statuses. */
  fence: TaskFence.optional(),
})
/** Moves AVT. `hash` covers the operation and the fields as the caller named them, amounts canonical. */
export const TransferCommand = z.strictObject({
  op: z.literal('transfer'),
  key: CommandKey,
  hash: Hash,
  from_agent: Uuid,
  to_agent: AgentRef,
  amount: AmountIn,
  memo: z.string().max(500).nullable(),
  reference: z.string().max(200).nullable(),
  quote: QuoteClaim.nullable(),
  limits: SpendLimits.nullable(),
  /** Linked to the next command of the batch: the group that ends with the first one not linked happens whole or not at all. */
  linked: z.boolean().optional(),
})
/** Pays a transfer back, in whole (amount null) or in part; the acting account is the payee of the original. */
export const RefundCommand = z.strictObject({
  op: z.literal('refund'),
  key: CommandKey,
  hash: Hash,
  agent: Uuid,
  transfer_id: Uuid,
  amount: AmountIn.nullable(),
  limits: SpendLimits.nullable(),
})
/** The genesis grant: scope system:genesis, key = developer id, once in a TEG's life. */
export const GrantCommand = z.strictObject({
  op: z.literal('grant'),
  developer: Uuid,
  agent: Uuid,
  amount: AmountIn,
  /** AVT per UTC day over all grants; beyond it the outcome is `budget_exhausted`, which is NOT stored: it stays due. */
  budget_per_day: AmountIn,
  /** Of the sweep of due grants. */
  fence: TaskFence.optional(),
})
/**
 * Issues a payment token: reserves the amount (`held` rises, `balance` does not move) until it is redeemed, cancelled
 * or expired. The acting account is the payer. The outcome carries `payment`; its id and expiry are the gate's, so that
 * a replay signs the same token again.
 */
export const IssueTokenCommand = z.strictObject({
  op: z.literal('issue_token'),
  key: CommandKey,
  hash: Hash,
  payer_agent: Uuid,
  payee_agent: AgentRef,
  amount: AmountIn,
  /** Seconds from the gate's own time, at most a day. */
  expires_in: z.number().int().min(1).max(86_400),
  task_ref: z.string().max(200).nullable(),
  limits: SpendLimits.nullable(),
})
/**
 * Redeems a payment token in whole (amount null) or in part; the rest of the hold is released. The acting account is
 * the payee: another one is refused with `audience_mismatch`. The fee is taken by the newest snapshot.
 */
export const RedeemTokenCommand = z.strictObject({
  op: z.literal('redeem_token'),
  key: CommandKey,
  hash: Hash,
  payee_agent: Uuid,
  token_id: Uuid,
  amount: AmountIn.nullable(),
  memo: z.string().max(500).nullable(),
})
/** Cancels an active payment token; natural key: the token. A token that is cancelled already is answered as it is. */
export const CancelTokenCommand = z.strictObject({
  op: z.literal('cancel_token'),
  payer_agent: Uuid,
  token_id: Uuid,
})
/** Voids one active token whose time is over; natural key: the token. One that is not due or not active stays as it is. */
export const ExpireTokenCommand = z.strictObject({
  op: z.literal('expire_token'),
  token_id: Uuid,
  payer_agent: Uuid,
  fence: TaskFence.nullable(),
})
/** Issues AVT to an agent, or to the treasury (null). Scope system:mint; only where the TEG's minting authority is on. */
export const MintCommand = z.strictObject({
  op: z.literal('mint'),
  key: CommandKey,
  hash: Hash,
  to_agent: AgentRef.nullable(),
  amount: AmountIn,
  memo: z.string().max(500).nullable(),
})
/** Destroys AVT of the treasury (null) or of an agent. Scope system:burn; only where minting authority is on. */
export const BurnCommand = z.strictObject({
  op: z.literal('burn'),
  key: CommandKey,
  hash: Hash,
  from_agent: AgentRef.nullable(),
  amount: AmountIn,
  memo: z.string().max(500).nullable(),
})
export const Command = z.discriminatedUnion('op', [
  OpenAccount,
  SetStatus,
  TransferCommand,
  RefundCommand,
  GrantCommand,
  IssueTokenCommand,
  RedeemTokenCommand,
  CancelTokenCommand,
  ExpireTokenCommand,
  MintCommand,
  BurnCommand,
])
export type Command = z.input<typeof Command>

export const COMMANDS_MAX = 5000
/** The last command is linked to none: batches of several callers travel together. */
export const CommandBatch = z.strictObject({
  commands: z
    .array(Command)
    .min(1)
    .max(COMMANDS_MAX)
    .refine((commands) => !isLinked(commands.at(-1)), 'the last command may not be linked'),
})
export const isLinked = (command: { op: string; linked?: boolean | undefined } | undefined): boolean =>
  command?.linked === true

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

/** Outcome of one command, in the order of the commands. */
export const Outcome = z.strictObject({
  ok: z.boolean(),
  /** The first outcome of this key is given again. */
  replayed: z.boolean(),
  /** With ok: the Transfer of a transfer, a refund and a closing that moved the balance; null for all else. */
  transfer: Transfer.nullable(),
  /** With ok: what a grant has credited. */
  grant: GrantResult.optional(),
  /** With ok: the token of an issue, a redemption (beside its transfer), a cancellation and an expiry. */
  payment: Payment.optional(),
  /** With ok: what was issued or destroyed. */
  supply_change: z
    .strictObject({ transfer_id: Uuid, agent: Uuid.nullable(), amount: AmountOut, created_at: TimeOut })
    .optional(),
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
  data: z.record(z.string(), z.unknown()),
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
