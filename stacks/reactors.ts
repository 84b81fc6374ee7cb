/** Reactors: one timer each, for deployments without a host; a host beside them runs them within milliseconds. */
import type { Data } from './data.ts'
import type { Manifest } from './manifest.ts'
import { deployTimers } from './schedules.ts'
import type { Secrets } from './secrets.ts'

export const deployReactors = (manifest: Manifest, data: Data, secrets: Secrets): void =>
  deployTimers(
    manifest.entries.filter(({ kind }) => kind === 'reactor'),
    new sst.aws.Queue('ReactorDeadLetters'),
    data,
    secrets,
  )
