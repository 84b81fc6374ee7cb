/** Finds out who a bearer token belongs to. */
import type { Caller } from '#core/base/caller.ts'
import type { RegistryContext } from '../context.ts'

/** The caller of a token, or null when it is unknown, expired or revoked. */
export async function readCaller(_ctx: RegistryContext, _token: string): Promise<Caller | null> {
  return null
}
