/** Shows the registry's identity in the federation: public, as it stands in every certificate that it presents. */
import { parseSpiffeId } from '#core/base/spiffe-id.ts'
import type { RegistryContext } from '../context.ts'
import type { IdentityOut } from './schema.ts'

/** `none` also where cert-writer is silent: what is not known to be there is not told. */
export async function showIdentity(ctx: RegistryContext): Promise<IdentityOut> {
  const report = (await ctx.identity?.read()) ?? null
  // The report may be older than the end of what it tells of.
  const isOver = !report?.not_after || Date.parse(report.not_after) <= ctx.clock.now().getTime()
  const id = isOver ? null : parseSpiffeId(report.spiffe_id ?? '')
  return {
    registry: ctx.config.REGISTRY_NAME,
    identity: id ? (report?.identity ?? 'none') : 'none',
    spiffe_id: id?.text ?? null,
    trust_domain: id?.trustDomain ?? null,
    not_after: id ? (report?.not_after ?? null) : null,
    federation_url: ctx.config.FEDERATION_BASE_URL ?? null,
  }
}
