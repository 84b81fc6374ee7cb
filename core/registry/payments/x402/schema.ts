/** Shapes of the x402 v2 facilitator interface (specification 2025-12-09, sections 5 and 7); unknown members are left alone. */
import { z } from 'zod'
import { AMOUNT_MAX } from '#core/base/amount.ts'
import type { Problem } from '#core/base/errors.ts'
import { AgentRef } from '#core/base/shapes.ts'
import { TOKEN_PATTERN } from '../schema.ts'

export const X402_VERSION = 2
/** The one scheme: the whole amount of a token that was issued for exactly this. */
export const SCHEME = 'exact'
export const ASSET = 'AVT'
/** Decimals of the asset: amounts travel in micro-AVT. */
export const DECIMALS = 6

const Loose = z.record(z.string(), z.unknown()).nullish()

const Requirements = z.looseObject({
  scheme: z.string(),
  network: z.string().meta({ description: 'registry:<name>' }),
  amount: z.string().meta({ description: 'micro-AVT' }),
  asset: z.string(),
  payTo: z.string().max(512).meta({ description: 'The payee: did or id' }),
  maxTimeoutSeconds: z.number(),
  extra: Loose,
})
export type Requirements = z.output<typeof Requirements>

export const FacilitatorIn = z.looseObject({
  x402Version: z.number().optional(),
  paymentPayload: z.looseObject({
    x402Version: z.number(),
    resource: Loose,
    accepted: Requirements,
    payload: z.record(z.string(), z.unknown()).meta({
      description:
        'signature: the payment token (apt_...); authorization: {from, to, value, validAfter, validBefore, nonce}',
    }),
    extensions: Loose,
  }),
  paymentRequirements: Requirements,
})
export type FacilitatorIn = z.output<typeof FacilitatorIn>

const Seconds = z.string().regex(/^(0|[1-9][0-9]{0,11})$/)
/** What our scheme has in `payload`: the token in the signature's place, and the authorization that it carries out. */
export const TokenPayload = z.looseObject({
  signature: z.string().regex(TOKEN_PATTERN),
  authorization: z.looseObject({
    from: AgentRef,
    to: AgentRef,
    value: z.string().refine((text) => /^[1-9][0-9]{0,15}$/.test(text) && BigInt(text) <= AMOUNT_MAX),
    validAfter: Seconds,
    validBefore: Seconds,
    /** 32 bytes; the key of the settlement. */
    nonce: z.string().regex(/^0x[0-9A-Fa-f]{64}$/),
  }),
})
export type TokenPayload = z.output<typeof TokenPayload>

export const SupportedOut = z
  .strictObject({
    kinds: z.array(
      z.strictObject({
        x402Version: z.int(),
        scheme: z.string(),
        network: z.string(),
        extra: z.record(z.string(), z.unknown()),
      }),
    ),
    extensions: z.array(z.string()),
    signers: z.record(z.string(), z.array(z.string())),
  })
  .meta({ id: 'X402Supported' })
export type SupportedOut = z.output<typeof SupportedOut>

export const VerifyOut = z
  .strictObject({
    isValid: z.boolean(),
    invalidReason: z.string().optional(),
    invalidMessage: z.string().optional(),
    payer: z.string().optional(),
  })
  .meta({ id: 'X402Verification' })
export type VerifyOut = z.output<typeof VerifyOut>

export const SettleOut = z
  .strictObject({
    success: z.boolean(),
    errorReason: z.string().optional(),
    errorMessage: z.string().optional(),
    payer: z.string().optional(),
    transaction: z.string().meta({ description: 'Id of the transfer; empty where nothing was settled' }),
    network: z.string(),
    amount: z.string().optional().meta({ description: 'micro-AVT' }),
  })
  .meta({ id: 'X402Settlement' })
export type SettleOut = z.output<typeof SettleOut>

/** x402's own word for a failure that came before the payment was looked at (shape, credential, limits, the ledger away). */
const wordOf = (problem: Problem, unexpected: string): string =>
  problem.code === 'validation_failed' ? 'invalid_payload' : problem.status >= 500 ? unexpected : problem.code

/** Errors of POST /x402/verify. */
export const verifyErrors = {
  shape: VerifyOut,
  word: (problem: Problem): VerifyOut => ({
    isValid: false,
    invalidReason: wordOf(problem, 'unexpected_verify_error'),
    invalidMessage: `${problem.code}: ${problem.detail}`,
  }),
}
/** Errors of POST /x402/settle; the network is that of every registry, since nothing was settled on one. */
export const settleErrors = {
  shape: SettleOut,
  word: (problem: Problem): SettleOut => ({
    success: false,
    errorReason: wordOf(problem, 'unexpected_settle_error'),
    errorMessage: `${problem.code}: ${problem.detail}`,
    transaction: '',
    network: 'registry:*',
  }),
}
