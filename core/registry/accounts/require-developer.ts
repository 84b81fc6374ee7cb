/** The developer behind a call, for verbs that only developers have. */
import type { Developer } from '#core/base/caller.ts'
import type { RegistryContext } from '../context.ts'
import { fail } from './errors.ts'

/** @throws 401 unauthenticated; rows let nobody else in, so this guards against a row that forgot */
export function requireDeveloper(ctx: RegistryContext): Developer {
  if (ctx.caller.kind !== 'developer') throw fail('unauthenticated')
  return ctx.caller
}
