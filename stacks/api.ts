/** The public API: one function for each door of the registry, and a route for each of its paths. */
import type { Data } from './data.ts'
import { deployFunction } from './deploy-function.ts'
import type { Manifest } from './manifest.ts'
import type { Secrets } from './secrets.ts'

/** @param domain the name that PUBLIC_URL has, where the gateway itself answers to it */
export function deployApi(
  manifest: Manifest,
  data: Data,
  secrets: Secrets,
  domain?: string,
): sst.aws.ApiGatewayV2 {
  // The functions answer browsers' questions themselves, row by row.
  const api = new sst.aws.ApiGatewayV2('Api', { cors: false, ...(domain ? { domain } : {}) })
  const answering = manifest.entries.filter(
    ({ kind, service }) => service === 'registry' && (kind === 'door' || kind === 'pages'),
  )
  for (const entry of answering) {
    const own = deployFunction(entry, data, secrets)
    for (const { path, entry: name } of manifest.routes)
      if (name === entry.name) api.route(path === '$default' ? path : `ANY ${path}`, own.arn)
  }
  return api
}
