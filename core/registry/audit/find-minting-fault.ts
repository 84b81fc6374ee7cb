/** Finds out whether this registry's TEG keeps it from being part of a federation. */
import { federatedBy } from '#core/platform/federation-config.ts'
import type { RegistryContext } from '../context.ts'
import { judgeMinting } from './rules.ts'

export interface MintingFault {
  readonly found: 'has minted' | 'may mint'
  /** For the operator: what is wrong, and what can be done. */
  readonly words: string
}

/**
 * @returns null where there is none, and where the registry stands alone (or its TEG is too old to say)
 * @throws 503 teg_unavailable
 */
export async function findMintingFault(
  ctx: Pick<RegistryContext, 'config' | 'teg' | 'requestId' | 'signal'>,
): Promise<MintingFault | null> {
  const by = federatedBy(ctx.config)
  if (by.length === 0) return null
  const minting = await ctx.teg.minting(ctx)
  const found = minting && judgeMinting(minting)
  if (!found) return null
  const mode = `the federated mode (${by.join(', ')})`
  return {
    found,
    words:
      found === 'has minted'
        ? `MINTING_AUTHORITY: the TEG of this registry has minted or burned AVT on an operator's order, which it remembers for ever: it can not join a federation, and ${mode} is refused; run it standalone, without these settings, or begin with another TEG database`
        : `MINTING_AUTHORITY: the TEG of this registry runs with teg-layer; ${mode} wants disabled there too`,
  }
}
