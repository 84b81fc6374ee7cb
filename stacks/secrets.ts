/** Secrets of a stage: `sst secret set DatabaseUrl postgres://...`. Each function is linked to those that it reads, to no others. */
import { type ManifestEntry, type SecretName, secretNames } from './manifest.ts'

export type Secrets = Readonly<Record<SecretName, sst.Secret>>

/** Without a value Redis and SMTP are done without: the database coordinates, and what would send a mail is refused. */
const optional: readonly SecretName[] = ['RedisUrl', 'SmtpUrl']

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
