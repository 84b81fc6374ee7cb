/** GET /x402/supported: what this registry settles as an x402 facilitator. */
import type { RegistryContext } from '../../context.ts'
import { networkOf } from './rules.ts'
import { ASSET, DECIMALS, SCHEME, type SupportedOut, X402_VERSION } from './schema.ts'

/** The signers are the kids of the keys that sign payment tokens; the keys stand in /.well-known/jwks.json. */
export function listSupported(ctx: RegistryContext): SupportedOut {
  const network = networkOf(ctx.config.REGISTRY_NAME)
  const extra = { asset: ASSET, decimals: DECIMALS, authorization: 'payment-token' }
  return {
    kinds: [{ x402Version: X402_VERSION, scheme: SCHEME, network, extra }],
    extensions: [],
    signers: { [network]: ctx.keys.publicKeys('token').flatMap(({ kid }) => kid ?? []) },
  }
}
