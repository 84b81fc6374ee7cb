/** Shapes of the operator's mint and burn. */
import { z } from 'zod'
import { AgentRef, AmountIn, AmountOut, TimeOut, Uuid } from '#core/base/shapes.ts'

const fields = { amount: AmountIn, memo: z.string().max(500).nullish() }

/** Without to_agent, or with null: to the treasury. */
export const MintIn = z.strictObject({ to_agent: AgentRef.nullish(), ...fields })
export type MintIn = z.output<typeof MintIn>
/** Without from_agent, or with null: of the treasury. */
export const BurnIn = z.strictObject({ from_agent: AgentRef.nullish(), ...fields })
export type BurnIn = z.output<typeof BurnIn>

export const SupplyChangeOut = z
  .strictObject({
    transfer_id: Uuid,
    agent: Uuid.nullable().meta({ description: 'null: the treasury' }),
    amount: AmountOut,
    created_at: TimeOut,
    balance_after: AmountOut.optional().meta({
      description: 'What the agent has available after it; absent for the treasury',
    }),
  })
  .meta({ id: 'SupplyChange' })
export type SupplyChangeOut = z.output<typeof SupplyChangeOut>
