/** Converts a valid A2A 0.3 card to 1.0. Unknown fields stay; the original is kept beside it by the caller. */
import type { FieldError } from '#core/base/errors.ts'
import { isObject } from './check-shape.ts'

type Json = Record<string, unknown>

/** Fields that 1.0 says elsewhere or no more. `signatures` cover the 0.3 text only, so they stay with the original. */
const GONE = new Set([
  'protocolVersion',
  'url',
  'preferredTransport',
  'additionalInterfaces',
  'supportedInterfaces',
  'security',
  'securitySchemes',
  'securityRequirements',
  'supportsAuthenticatedExtendedCard',
  'capabilities',
  'skills',
  'signatures',
])
const DEFAULT_TRANSPORT = 'JSONRPC'
const FLOWS = ['authorizationCode', 'clientCredentials', 'implicit', 'password'] as const

export interface Converted {
  readonly card: Json
  readonly warnings: readonly FieldError[]
}

/** The 1.0 card of a card that passed the 0.3 check. Pointers in warnings name the 0.3 card's fields. */
export function convertCard(card: Json): Converted {
  const warnings: FieldError[] = []
  const rest = Object.entries(card).filter(([name]) => !GONE.has(name))
  const schemes = Object.entries((card.securitySchemes ?? {}) as Json)
  const converted = Object.fromEntries([
    ...rest,
    ['supportedInterfaces', convertInterfaces(card)],
    ['capabilities', convertCapabilities(card)],
    ...(schemes.length > 0
      ? [
          [
            'securitySchemes',
            Object.fromEntries(
              schemes.map(([name, scheme]) => [name, convertScheme(name, scheme as Json, warnings)]),
            ),
          ],
        ]
      : []),
    ...requirements(card.security),
    [
      'skills',
      (card.skills as Json[]).map((skill) =>
        Object.fromEntries([
          ...Object.entries(skill).filter(([name]) => name !== 'security' && name !== 'securityRequirements'),
          ...requirements(skill.security),
        ]),
      ),
    ],
  ]) as Json
  return { card: converted, warnings }
}

/** Major.Minor of a protocol version, as 1.0 wants it. */
function shortVersion(version: unknown): string {
  return /^(\d+\.\d+)(\.|$)/.exec(String(version))?.[1] ?? String(version)
}

function convertInterfaces(card: Json): Json[] {
  const version = shortVersion(card.protocolVersion)
  const first = {
    url: card.url,
    protocolBinding: (card.preferredTransport as string | undefined)?.trim() || DEFAULT_TRANSPORT,
    protocolVersion: version,
  }
  const others = ((card.additionalInterfaces ?? []) as Json[])
    .map((one) => ({ url: one.url, protocolBinding: one.transport, protocolVersion: version }))
    // 0.3 says that the list should repeat the main interface; 1.0 names each once.
    .filter((one) => one.url !== first.url || one.protocolBinding !== first.protocolBinding)
  return [first, ...others]
}

function convertCapabilities(card: Json): Json {
  const kept = Object.entries(card.capabilities as Json).filter(([name]) => name !== 'stateTransitionHistory')
  const extended = card.supportsAuthenticatedExtendedCard
  return Object.fromEntries([
    ...kept,
    ...(extended === undefined ? [] : [['extendedAgentCard', extended] as const]),
  ])
}

/** `[{name: [scope]}]` of OpenAPI becomes `[{schemes: {name: {list: [scope]}}}]`. */
function requirements(security: unknown): [string, Json[]][] {
  if (!Array.isArray(security) || security.length === 0) return []
  const converted = (security as Json[]).map((one) => ({
    schemes: Object.fromEntries(Object.entries(one).map(([name, scopes]) => [name, { list: scopes }])),
  }))
  return [['securityRequirements', converted]]
}

function convertScheme(name: string, scheme: Json, warnings: FieldError[]): Json {
  const { type, ...rest } = scheme
  switch (type) {
    case 'apiKey': {
      const { in: location, ...fields } = rest
      return { apiKeySecurityScheme: { location, ...fields } }
    }
    case 'http':
      return { httpAuthSecurityScheme: rest }
    case 'oauth2':
      return { oauth2SecurityScheme: { ...rest, flows: convertFlows(name, rest.flows, warnings) } }
    case 'openIdConnect':
      return { openIdConnectSecurityScheme: rest }
    default:
      return { mtlsSecurityScheme: rest }
  }
}

/** 1.0 allows one flow a scheme: the safest that is there is kept. */
function convertFlows(name: string, flows: unknown, warnings: FieldError[]): Json {
  const given = FLOWS.filter((flow) => isObject(flows) && flows[flow] !== undefined)
  const [kept, ...dropped] = given
  if (dropped.length > 0)
    warnings.push({
      pointer: `/card/securitySchemes/${name.replaceAll('~', '~0').replaceAll('/', '~1')}/flows`,
      code: 'flows_dropped',
      detail: `A2A 1.0 allows one flow a scheme: ${kept} was kept, ${dropped.join(', ')} was left out`,
    })
  return { [kept as string]: (flows as Json)[kept as string] }
}
