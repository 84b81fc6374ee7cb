/** Tells a peer that it has reached us, and who it is for us. */
import type { RegistryContext } from '../context.ts'
import type { PingOut } from './schema.ts'

/** @returns 200 {registry, caller_spiffe_id} */
export function answerPing(ctx: RegistryContext): PingOut {
  if (ctx.caller.kind !== 'peer') throw new Error('only a peer may get here')
  return { registry: ctx.config.REGISTRY_NAME, caller_spiffe_id: ctx.caller.spiffeId }
}
