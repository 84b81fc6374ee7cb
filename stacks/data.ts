/** Where the data is: in a self-hosted stack, reached through a VPC of its account or over the Neon bridge. */

export interface Data {
  /** The network in which PostgreSQL, Redis and the TEG can be reached; undefined: over public addresses. */
  readonly vpc: sst.aws.Vpc | undefined
  readonly environment: Readonly<Record<string, string>>
}

/** Variables of the deploying shell that functions get as they are; none of them is a secret. */
const handedOn = [
  'TEG_URL',
  'PUBLIC_URL',
  'REGISTRY_NAME',
  'REGISTRY_LOCATION',
  'MAIL_FROM',
  'DATABASE_DRIVER',
  'NEON_BRIDGE_URL',
  'WEBHOOK_ALLOWED_NETWORKS',
  'LOG_LEVEL',
] as const
const needed = ['TEG_URL', 'PUBLIC_URL'] as const

/** @throws naming every variable that is missing */
export function connectData(env: Readonly<Record<string, string | undefined>>): Data {
  const missing = needed.filter((name) => !env[name])
  if (missing.length > 0) throw new Error(`Set ${missing.join(' and ')} before you deploy: docs/faas.md`)
  const given = handedOn.flatMap((name) => (env[name] ? [[name, env[name] as string] as const] : []))
  const id = env.NINEFOLD_VPC_ID
  return {
    vpc: id ? sst.aws.Vpc.get('StackVpc', id) : undefined,
    environment: Object.fromEntries(given),
  }
}
