/** Cards for tests: a small valid one of each version, and the real ones of test/vectors/agent-cards. */
import { readdirSync, readFileSync } from 'node:fs'

type Card = Record<string, unknown>
const folder = new URL('../../../vectors/agent-cards/', import.meta.url)

export const vectorNames = readdirSync(folder).filter((name) => name.endsWith('.json'))

/** A real card by its number, such as '002'. */
export function vectorCard(number: string): Card {
  const name = vectorNames.find((one) => one.startsWith(`${number}-`))
  return JSON.parse(readFileSync(new URL(name ?? number, folder), 'utf8')) as Card
}

export const card10 = (more: Card = {}): Card => ({
  name: 'Recipe Agent',
  description: 'Helps with recipes and cooking.',
  supportedInterfaces: [
    { url: 'https://recipes.example.com/a2a', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
  ],
  version: '1.2.0',
  capabilities: { streaming: false },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'cook', name: 'Cook', description: 'Finds a recipe.', tags: ['food'] }],
  ...more,
})

export const card03 = (more: Card = {}): Card => ({
  protocolVersion: '0.3.0',
  name: 'Old Agent',
  description: 'Speaks 0.3.',
  url: 'https://old.example.com/a2a',
  preferredTransport: 'JSONRPC',
  version: '1.0.0',
  capabilities: { streaming: true, stateTransitionHistory: true },
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'talk', name: 'Talk', description: 'Talks.', tags: ['talk'] }],
  ...more,
})

/** Every 1.0 security scheme once, with a requirement on each. */
export const securedCard = (): Card =>
  card10({
    securitySchemes: {
      key: { apiKeySecurityScheme: { location: 'header', name: 'X-Key', description: '' } },
      bearer: { httpAuthSecurityScheme: { scheme: 'Bearer', bearerFormat: 'JWT' } },
      oauth: {
        oauth2SecurityScheme: {
          flows: {
            authorizationCode: {
              authorizationUrl: 'https://id.example.com/authorize',
              tokenUrl: 'https://id.example.com/token',
              scopes: { 'cook:read': 'Reads recipes' },
              pkceRequired: true,
            },
          },
        },
      },
      device: {
        oauth2SecurityScheme: {
          flows: {
            deviceCode: {
              deviceAuthorizationUrl: 'https://id.example.com/device',
              tokenUrl: 'https://id.example.com/token',
              scopes: {},
            },
          },
        },
      },
      oidc: {
        openIdConnectSecurityScheme: { openIdConnectUrl: 'https://id.example.com/.well-known/openid' },
      },
      mtls: { mtlsSecurityScheme: {} },
    },
    securityRequirements: [
      { schemes: { bearer: { list: [] } } },
      { schemes: { oauth: { list: ['cook:read'] } } },
    ],
  })
