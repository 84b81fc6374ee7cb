/** The commands that the registry sends to the TEG's gate; the shapes of their outcomes stand in teg.ts. */
import { z } from 'zod'
import { AgentRef, AmountIn, Timestamp, Uuid } from '#core/base/shapes.ts'

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
/** Changes an account's status; keyed by agent and envelope sequence; one that is not above the last one's is ignored. */
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
  /**
   * Linked to the next command of the batch: the group that ends with the first one not linked happens whole or not at all.
   * At the TEG only: no public route and no call of the SDK makes such a group.
   */
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
/** The requests whose commands travel together, in their order: the id of each and how many commands it sent. For the log. */
export const CallsOfBatch = z
  .array(z.tuple([z.string().regex(/^[A-Za-z0-9._:-]{1,128}$/), z.number().int().min(1)]))
  .max(COMMANDS_MAX)
export type CallsOfBatch = z.infer<typeof CallsOfBatch>

/** The last command is linked to none: batches of several callers travel together. */
export const CommandBatch = z.strictObject({
  commands: z
    .array(Command)
    .min(1)
    .max(COMMANDS_MAX)
    .refine((commands) => !isLinked(commands.at(-1)), 'the last command may not be linked'),
  /** Absent: all are of the request whose id stands in the header. */
  calls: CallsOfBatch.optional(),
})
export const isLinked = (command: { op: string; linked?: boolean | undefined } | undefined): boolean =>
  command?.linked === true
