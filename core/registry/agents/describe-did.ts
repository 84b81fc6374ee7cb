/** The did:web document of an agent: the registry's key speaks for it, its interfaces are its services. */
import type { JWK } from 'jose'
import type { RegistryContext } from '../context.ts'
import { requireAgent } from './find-agent.ts'
import type { AgentRow } from './queries.ts'

/** A retired agent keeps its document without services, so that what was signed before can still be verified. */
export async function readDidDocument(ctx: RegistryContext, ref: string): Promise<Response> {
  const row = await requireAgent(ctx.db, ref)
  const document = toDidDocument(row, ctx.keys.publicKeys('registry'), ctx.config.PUBLIC_URL)
  return new Response(JSON.stringify(document), {
    headers: {
      'content-type': 'application/did+json',
      'cache-control': 'public, max-age=300',
    },
  })
}

/** Pure. Fields follow DID Core 1.0 and did:web. */
export function toDidDocument(
  row: AgentRow,
  keys: readonly JWK[],
  publicUrl: string,
): Record<string, unknown> {
  const methods = keys.map(({ kid, kty, crv, x }) => ({
    id: `${row.did}#${kid}`,
    type: 'JsonWebKey2020',
    controller: row.did,
    publicKeyJwk: { kty, crv, x, kid },
  }))
  const base = `${publicUrl.replace(/\/$/, '')}/api/v1/agents/${row.id}`
  const card = JSON.parse(row.card_text) as {
    supportedInterfaces: { url: string; protocolBinding: string }[]
  }
  const services = [
    {
      id: `${row.did}#agent-card`,
      type: 'AgentCard',
      serviceEndpoint: `${base}/.well-known/agent-card.json`,
    },
    { id: `${row.did}#registry-record`, type: 'AgentRegistryRecord', serviceEndpoint: base },
    ...card.supportedInterfaces.map((one, index) => ({
      id: `${row.did}#a2a-${index + 1}`,
      type: 'A2AService',
      protocolBinding: one.protocolBinding,
      serviceEndpoint: one.url,
    })),
  ]
  return {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/suites/jws-2020/v1'],
    id: row.did,
    verificationMethod: methods,
    assertionMethod: methods.map((method) => method.id),
    ...(row.status === 'retired' ? {} : { service: services }),
  }
}
