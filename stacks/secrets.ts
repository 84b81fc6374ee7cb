/** Secrets of a stage: `sst secret set DatabaseUrl postgres://...`. Each function is linked to those that it reads, to no others. */
import { type ManifestEntry, type SecretName, secretNames } from './manifest.ts'

export type Secrets = Readonly<Record<SecretName, sst.Secret>>

/** Without a value they are done without: the database coordinates, what would send a mail is refused, Neon has no bridge before it. */
const optional: readonly SecretName[] = ['RedisUrl', 'SmtpUrl', 'NeonBridgeToken']

export function makeSecrets(): Secrets {
  return Object.fromEntries(
    secretNames.map((name) => [
      name,
      optional.includes(name) ? new sst.Secret(name, '') : new sst.Secret(name),
    ]),
  ) as Secrets
}

export const linksOf = (entry: ManifestEntry, secrets: Secrets): sst.Secret[] =>
  entry.secrets.map((name) => secrets[name])
