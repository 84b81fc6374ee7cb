/** Puts the stacks together. */
import { deployApi } from './api.ts'
import { connectData } from './data.ts'
import { readManifest } from './manifest.ts'
import { deployReactors } from './reactors.ts'
import { deploySchedules } from './schedules.ts'
import { makeSecrets } from './secrets.ts'

/** @throws before any resource is made, when something is missing */
export async function deploy(
  env: Readonly<Record<string, string | undefined>>,
): Promise<Record<string, unknown>> {
  const manifest = readManifest()
  const data = connectData(env)
  const secrets = makeSecrets()
  const api = deployApi(manifest, data, secrets, env.NINEFOLD_API_DOMAIN)
  // Beside a host, which has timers of its own, there is no need of them.
  if (env.NINEFOLD_TIMERS !== 'host') {
    deploySchedules(manifest, data, secrets)
    deployReactors(manifest, data, secrets)
  }
  return { api: api.url, stage: $app.stage }
}
