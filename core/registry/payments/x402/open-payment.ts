/** Opens what an x402 client has sent: checks it against the requirements, the token's signature, and the caller. */
import type { RegistryContext } from '../../context.ts'
import { type FoundAgent, findAgents } from '../../transfers/find-agents.ts'
import type { TokenClaims } from '../rules.ts'
import { tryToken } from '../sign-token.ts'
import { requireAudience } from '../verify-token.ts'
import { BAD_SIGNATURE, type Fault, isFault, judgeClaims, networkOf, readPayment } from './rules.ts'
import type { FacilitatorIn } from './schema.ts'

export type OpenPayment =
  | { readonly fault: Fault; readonly payer?: string }
  | {
      readonly fault: null
      readonly payer: string
      readonly claims: TokenClaims
      readonly payee: FoundAgent
      /** Key of the settlement. */
      readonly nonce: string
      /** micro-AVT. */
      readonly value: string
    }

/**
 * Nothing of the answer changes with time, so that a settlement that is sent again finds its first outcome.
 * @throws 403 audience_mismatch for a caller that is not the payee
 */
export async function openPayment(ctx: RegistryContext, asked: FacilitatorIn): Promise<OpenPayment> {
  const read = readPayment(asked, networkOf(ctx.config.REGISTRY_NAME))
  if (isFault(read)) return { fault: read }
  const claims = await tryToken(ctx, read.signature)
  if (!claims) return { fault: BAD_SIGNATURE }
  const agents = await findAgents(ctx, [claims.sub, claims.aud])
  const ids = { payer: agents.get(claims.sub)?.id, payee: agents.get(claims.aud)?.id }
  const fault = judgeClaims(claims, read, asked.paymentRequirements, ids)
  if (fault) return { fault, payer: claims.sub }
  const payee = await requireAudience(ctx, claims)
  const { nonce, value } = read.authorization
  return { fault: null, payer: claims.sub, claims, payee, nonce: nonce.toLowerCase(), value }
}
