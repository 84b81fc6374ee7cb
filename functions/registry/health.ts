/** Probes, health and public keys, at the root. */
import type { RegistryContext } from '#core/registry/context.ts'
import { checkReady } from '#core/registry/health/check-ready.ts'
import { healthErrors } from '#core/registry/health/errors.ts'
import { listPublicKeys } from '#core/registry/health/list-public-keys.ts'
import { readHealth } from '#core/registry/health/read-health.ts'
import { HealthOut, KeysOut, LiveOut, ReadyOut } from '#core/registry/health/schema.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get } = rowsOf<RegistryContext>()

export default defineFunction<RegistryContext>({
  tag: 'health',
  timeoutSeconds: 5,
  rows: [
    get(
      '/livez',
      { summary: 'Tell that the process lives', callers: 'public', reply: LiveOut, uncounted: true },
      () => ({ status: 'alive' }),
    ),
    get(
      '/readyz',
      {
        summary: 'Tell whether this instance can serve',
        callers: 'public',
        reply: ReadyOut,
        uncounted: true,
        errors: [healthErrors],
      },
      ({ ctx }) => checkReady(ctx),
    ),
    get(
      '/health',
      {
        summary: 'Health in short; for operators with every part',
        callers: 'public',
        reply: HealthOut,
      },
      ({ ctx }) => readHealth(ctx),
    ),
    get(
      '/.well-known/jwks.json',
      { summary: "The registry's public keys", callers: 'public', reply: KeysOut },
      ({ ctx }) => listPublicKeys(ctx),
    ),
  ],
})
