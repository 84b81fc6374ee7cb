/** The A2A 1.0 agent card (specification/a2a.proto, package lf.a2a.v1) as a table: it drives the check and both signed forms. */

export type Kind =
  | { readonly is: 'text'; readonly max: number; readonly values?: readonly string[]; readonly url?: UrlRule }
  | { readonly is: 'flag' }
  | { readonly is: 'struct' }
  | { readonly is: 'message'; readonly of: Shape }
  | { readonly is: 'list'; readonly of: Kind; readonly max: number }
  | { readonly is: 'map'; readonly of: Kind; readonly max: number }

/** `endpoint`: absolute, of a transport's scheme; `link`: any text that is safe to show as a link. */
export type UrlRule = 'endpoint' | 'link'

export interface Field {
  readonly kind: Kind
  /** REQUIRED in the proto: present and, for text and lists, not empty (specification 5.7). */
  readonly required: boolean
  /** `optional` in the proto: an explicit default value is kept in the signed form. */
  readonly presence: boolean
}

export interface Shape {
  readonly fields: Readonly<Record<string, Field>>
  /** Exactly one of all fields must be there (a proto oneof). */
  readonly oneOf?: boolean
  /** JSON null means absent (ProtoJSON). */
  readonly nullIsAbsent: boolean
}

/** Most of each thing in a card: the specification sets no limits, so the registry does. */
export const CARD_BYTES_MAX = 64 * 1024
export const SKILLS_MAX = 100
export const TAGS_MAX = 20
export const EXTENSIONS_MAX = 32
const INTERFACES_MAX = 32
const MODES_MAX = 100
const EXAMPLES_MAX = 100
const SCHEMES_MAX = 64
const SCOPES_MAX = 256
const SIGNATURES_MAX = 16
/** Longest texts, in characters. */
const NAME = 200
const SHORT = 512
const URL_LENGTH = 2048
const LONG = 16_384

export const text = (max: number, more: { values?: readonly string[]; url?: UrlRule } = {}): Kind => ({
  is: 'text',
  max,
  ...more,
})
export const flag: Kind = { is: 'flag' }
export const struct: Kind = { is: 'struct' }
export const message = (of: Shape): Kind => ({ is: 'message', of })
export const list = (of: Kind, max: number): Kind => ({ is: 'list', of, max })
export const map = (of: Kind, max: number): Kind => ({ is: 'map', of, max })

export const must = (kind: Kind): Field => ({ kind, required: true, presence: false })
export const may = (kind: Kind): Field => ({ kind, required: false, presence: false })
const optional = (kind: Kind): Field => ({ kind, required: false, presence: true })

const proto = (fields: Record<string, Field>): Shape => ({ fields, nullIsAbsent: true })
const oneOf = (fields: Record<string, Field>): Shape => ({ fields, oneOf: true, nullIsAbsent: true })

/** Kinds that 0.3 and 1.0 have in common. */
export const kinds = {
  name: text(NAME),
  short: text(SHORT),
  long: text(LONG),
  link: text(URL_LENGTH, { url: 'link' }),
  endpoint: text(URL_LENGTH, { url: 'endpoint' }),
  modes: list(text(SHORT), MODES_MAX),
  tags: list(text(SHORT), TAGS_MAX),
  examples: list(text(LONG), EXAMPLES_MAX),
  scopes: map(text(LONG), SCOPES_MAX),
  scopeNames: list(text(SHORT), SCOPES_MAX),
  location: text(SHORT, { values: ['query', 'header', 'cookie'] }),
  base64: text(LONG),
}
export const counts = {
  interfaces: INTERFACES_MAX,
  schemes: SCHEMES_MAX,
  signatures: SIGNATURES_MAX,
  skills: SKILLS_MAX,
  extensions: EXTENSIONS_MAX,
}

const securityRequirement = proto({
  schemes: must(map(message(proto({ list: may(kinds.scopeNames) })), SCHEMES_MAX)),
})

const oauthFlows = oneOf({
  authorizationCode: may(
    message(
      proto({
        authorizationUrl: must(kinds.link),
        tokenUrl: must(kinds.link),
        refreshUrl: may(kinds.link),
        scopes: must(kinds.scopes),
        pkceRequired: may(flag),
      }),
    ),
  ),
  clientCredentials: may(
    message(proto({ tokenUrl: must(kinds.link), refreshUrl: may(kinds.link), scopes: must(kinds.scopes) })),
  ),
  // Deprecated in 1.0, yet part of it.
  implicit: may(
    message(
      proto({ authorizationUrl: may(kinds.link), refreshUrl: may(kinds.link), scopes: may(kinds.scopes) }),
    ),
  ),
  password: may(
    message(proto({ tokenUrl: may(kinds.link), refreshUrl: may(kinds.link), scopes: may(kinds.scopes) })),
  ),
  deviceCode: may(
    message(
      proto({
        deviceAuthorizationUrl: must(kinds.link),
        tokenUrl: must(kinds.link),
        refreshUrl: may(kinds.link),
        scopes: must(kinds.scopes),
      }),
    ),
  ),
})

const securityScheme = oneOf({
  apiKeySecurityScheme: may(
    message(proto({ description: may(kinds.long), location: must(kinds.location), name: must(kinds.short) })),
  ),
  httpAuthSecurityScheme: may(
    message(
      proto({ description: may(kinds.long), scheme: must(kinds.short), bearerFormat: may(kinds.short) }),
    ),
  ),
  oauth2SecurityScheme: may(
    message(
      proto({
        description: may(kinds.long),
        flows: must(message(oauthFlows)),
        oauth2MetadataUrl: may(kinds.link),
      }),
    ),
  ),
  openIdConnectSecurityScheme: may(
    message(proto({ description: may(kinds.long), openIdConnectUrl: must(kinds.link) })),
  ),
  mtlsSecurityScheme: may(message(proto({ description: may(kinds.long) }))),
})

/** A JSON Web Signature of a card; the same in 0.3 and 1.0. */
export const cardSignature = proto({
  protected: must(kinds.base64),
  signature: must(kinds.base64),
  header: may(struct),
})

/** The 1.0 AgentCard. */
export const cardShape = proto({
  name: must(kinds.name),
  description: must(kinds.long),
  supportedInterfaces: must(
    list(
      message(
        proto({
          url: must(kinds.endpoint),
          protocolBinding: must(kinds.short),
          tenant: may(kinds.short),
          protocolVersion: must(kinds.short),
        }),
      ),
      INTERFACES_MAX,
    ),
  ),
  provider: may(message(proto({ url: must(kinds.link), organization: must(kinds.short) }))),
  version: must(kinds.short),
  documentationUrl: optional(kinds.link),
  capabilities: must(
    message(
      proto({
        streaming: optional(flag),
        pushNotifications: optional(flag),
        extensions: may(
          list(
            message(
              proto({
                uri: may(kinds.short),
                description: may(kinds.long),
                required: may(flag),
                params: may(struct),
              }),
            ),
            EXTENSIONS_MAX,
          ),
        ),
        extendedAgentCard: optional(flag),
      }),
    ),
  ),
  securitySchemes: may(map(message(securityScheme), SCHEMES_MAX)),
  securityRequirements: may(list(message(securityRequirement), SCHEMES_MAX)),
  defaultInputModes: must(kinds.modes),
  defaultOutputModes: must(kinds.modes),
  skills: must(
    list(
      message(
        proto({
          id: must(kinds.short),
          name: must(kinds.short),
          description: must(kinds.long),
          tags: must(kinds.tags),
          examples: may(kinds.examples),
          inputModes: may(kinds.modes),
          outputModes: may(kinds.modes),
          securityRequirements: may(list(message(securityRequirement), SCHEMES_MAX)),
        }),
      ),
      SKILLS_MAX,
    ),
  ),
  signatures: may(list(message(cardSignature), SIGNATURES_MAX)),
  iconUrl: optional(kinds.link),
})
