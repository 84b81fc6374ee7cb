/** A registry context outside any request, for tests of verbs and sweeps. */
import type { Caller } from '#core/base/caller.ts'
import { idMaker } from '#core/platform/context.ts'
import type { RegistryContext, RegistryResources } from '#core/registry/context.ts'

/** Makes it; a test may replace parts (a TEG that is away, a caller). */
export function registryContext(
  resources: RegistryResources,
  parts: Partial<RegistryContext> = {},
): RegistryContext {
  const caller: Caller = { kind: 'service', name: 'test' }
  return {
    ...resources,
    time: resources.clock.fixed,
    caller,
    requestId: 'test',
    signal: new AbortController().signal,
    newId: idMaker(resources.clock, resources.random),
    idempotencyKey: null,
    once: (work) => resources.db.transaction(work),
    ...parts,
  }
}
