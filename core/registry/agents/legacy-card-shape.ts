/** The A2A 0.3 agent card (the JSON Schema of 0.3.0, in OpenAPI's security words) as a table; 0.2 cards that fit it are 0.3 here. */
import {
  cardSignature,
  counts,
  type Field,
  flag,
  kinds,
  list,
  map,
  may,
  message,
  must,
  type Shape,
  struct,
  text,
} from './card-shape.ts'

const json = (fields: Record<string, Field>): Shape => ({ fields, nullIsAbsent: false })

const apiKey = json({
  type: must(kinds.short),
  in: must(kinds.location),
  name: must(kinds.short),
  description: may(kinds.long),
})
const http = json({
  type: must(kinds.short),
  scheme: must(kinds.short),
  bearerFormat: may(kinds.short),
  description: may(kinds.long),
})
const oauthFlows = json({
  authorizationCode: may(
    message(
      json({
        authorizationUrl: must(kinds.link),
        tokenUrl: must(kinds.link),
        refreshUrl: may(kinds.link),
        scopes: must(kinds.scopes),
      }),
    ),
  ),
  clientCredentials: may(
    message(json({ tokenUrl: must(kinds.link), refreshUrl: may(kinds.link), scopes: must(kinds.scopes) })),
  ),
  implicit: may(
    message(
      json({ authorizationUrl: must(kinds.link), refreshUrl: may(kinds.link), scopes: must(kinds.scopes) }),
    ),
  ),
  password: may(
    message(json({ tokenUrl: must(kinds.link), refreshUrl: may(kinds.link), scopes: must(kinds.scopes) })),
  ),
})
const oauth2 = json({
  type: must(kinds.short),
  flows: must(message(oauthFlows)),
  oauth2MetadataUrl: may(kinds.link),
  description: may(kinds.long),
})
const openIdConnect = json({
  type: must(kinds.short),
  openIdConnectUrl: must(kinds.link),
  description: may(kinds.long),
})
const mutualTls = json({ type: must(kinds.short), description: may(kinds.long) })

/** Security schemes by their `type`. */
export const legacySchemes = { apiKey, http, oauth2, openIdConnect, mutualTLS: mutualTls } as const
export type LegacySchemeType = keyof typeof legacySchemes

/** What every scheme has; the rest is checked by its type. */
const anyScheme = json({ type: must(text(64, { values: Object.keys(legacySchemes) })) })

const requirement = map(kinds.scopeNames, counts.schemes)

/** The 0.3 AgentCard. */
export const legacyCardShape = json({
  protocolVersion: must(kinds.short),
  name: must(kinds.name),
  description: must(kinds.long),
  url: must(kinds.endpoint),
  preferredTransport: may(kinds.short),
  additionalInterfaces: may(
    list(message(json({ url: must(kinds.endpoint), transport: must(kinds.short) })), counts.interfaces - 1),
  ),
  iconUrl: may(kinds.link),
  provider: may(message(json({ organization: must(kinds.short), url: must(kinds.link) }))),
  version: must(kinds.short),
  documentationUrl: may(kinds.link),
  capabilities: must(
    message(
      json({
        streaming: may(flag),
        pushNotifications: may(flag),
        stateTransitionHistory: may(flag),
        extensions: may(
          list(
            message(
              json({
                uri: must(kinds.short),
                description: may(kinds.long),
                required: may(flag),
                params: may(struct),
              }),
            ),
            counts.extensions,
          ),
        ),
      }),
    ),
  ),
  securitySchemes: may(map(message(anyScheme), counts.schemes)),
  security: may(list(requirement, counts.schemes)),
  defaultInputModes: must(kinds.modes),
  defaultOutputModes: must(kinds.modes),
  skills: must(
    list(
      message(
        json({
          id: must(kinds.short),
          name: must(kinds.short),
          description: must(kinds.long),
          tags: must(kinds.tags),
          examples: may(kinds.examples),
          inputModes: may(kinds.modes),
          outputModes: may(kinds.modes),
          security: may(list(requirement, counts.schemes)),
        }),
      ),
      counts.skills,
    ),
  ),
  supportsAuthenticatedExtendedCard: may(flag),
  signatures: may(list(message(cardSignature), counts.signatures)),
})
