/** One function of a bundle: its folder, its time, its links, nothing more. */
import type { Data } from './data.ts'
import type { ManifestEntry } from './manifest.ts'
import { linksOf, type Secrets } from './secrets.ts'

/** `RegistryTransfers` of `registry-transfers`. */
export const titleOf = (name: string): string =>
  name.replace(/(?:^|-)([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

export function deployFunction(
  entry: ManifestEntry,
  data: Data,
  secrets: Secrets,
  more: Partial<sst.aws.FunctionArgs> = {},
): sst.aws.Function {
  return new sst.aws.Function(titleOf(entry.name), {
    bundle: entry.folder,
    handler: 'index.handler',
    description: entry.file,
    runtime: 'nodejs24.x',
    architecture: 'arm64',
    memory: '512 MB',
    timeout: `${entry.timeoutSeconds} seconds`,
    environment:
      entry.secrets.length > 0 ? { ...data.environment } : { PUBLIC_URL: data.environment.PUBLIC_URL ?? '' },
    link: linksOf(entry, secrets),
    logging: { retention: '1 month' },
    ...(data.vpc && entry.secrets.length > 0 ? { vpc: data.vpc } : {}),
    ...more,
  })
}
