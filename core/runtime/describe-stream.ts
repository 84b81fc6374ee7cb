/** Writes the AsyncAPI 3.0 document of the live stream: the shapes are those that the frames are checked by. */
import { z } from 'zod'
import type { ApiInfo } from './describe-api.ts'
import { ClientFrame, closeCodes, serverFrames } from './socket-frames.ts'

type Json = Record<string, unknown>

export interface StreamInfo {
  /** Shape of an event's document. */
  readonly event: z.ZodType
  /** Types of events, with a sentence each. */
  readonly types: Readonly<Record<string, string>>
}

const told: Readonly<Record<string, string>> = {
  hello: 'The first frame: where the journal stands, and the bounds of this connection.',
  event: 'An event of the journal that the caller may see, in order; `index` is the cursor to resume from.',
  gap: 'Indexes that the client believes to have and that come from here on: the journal is younger than it thinks, or it has asked for events before those it was given. Its cursor goes back to `from` - 1.',
  metrics: 'Figures of the registry, now and then; a slow client gets only the newest.',
  ping: 'Is anybody there? Answer with pong, or leave it to the protocol.',
  error: `What is wrong. Before a close: ${Object.values(closeCodes).join(', ')}; come again after retry_after_ms.`,
  subscribe: 'Only types that match, and from `after` on; a new one takes the place of the one before.',
  unsubscribe: 'No events until the next subscribe.',
  pong: 'The answer to ping.',
}

/** The document: the channel is the connection itself. */
export function describeStream(info: ApiInfo, { event, types }: StreamInfo): Json {
  const { host, protocol } = new URL(info.serverUrl)
  const fromServer: Record<string, z.ZodType> = {
    ...serverFrames,
    event: z.strictObject({ type: z.literal('event'), index: z.int().min(1), event }),
  }
  const fromClient = Object.fromEntries(ClientFrame.options.map((shape) => [shape.shape.type.value, shape]))
  const refs = (names: readonly string[]) =>
    names.map((name) => ({ $ref: `#/channels/events/messages/${name}` }))
  const names = [...Object.keys(fromServer), ...Object.keys(fromClient)]
  return {
    asyncapi: '3.0.0',
    info: {
      title: `${info.title}: live stream`,
      version: info.version,
      description: [
        'Every fact of the registry, live and resumable. Types of events:',
        ...Object.entries(types).map(([type, sentence]) => `- \`${type}\`: ${sentence}`),
      ].join('\n'),
      license: { name: 'AGPL-3.0-only' },
    },
    defaultContentType: 'application/json',
    servers: {
      registry: {
        host,
        protocol: protocol === 'https:' ? 'wss' : 'ws',
        security: [
          { $ref: '#/components/securitySchemes/bearer' },
          { $ref: '#/components/securitySchemes/ticket' },
        ],
      },
    },
    channels: {
      events: {
        address: '/ws/events',
        description: 'The connection itself. /api/v1/ws is another name of it.',
        messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
        bindings: {
          ws: {
            method: 'GET',
            query: {
              type: 'object',
              properties: {
                ticket: { type: 'string', description: 'Of POST /api/v1/events/ticket, for browsers.' },
                after: {
                  type: 'integer',
                  minimum: 0,
                  description:
                    'Events after this index, with no need of a subscribe frame; the surest way to resume.',
                },
                types: { type: 'string', description: 'Patterns of event types, comma separated.' },
              },
            },
            bindingVersion: '0.1.0',
          },
        },
      },
    },
    operations: {
      tell: {
        action: 'send',
        channel: { $ref: '#/channels/events' },
        summary: 'What the registry tells.',
        messages: refs(Object.keys(fromServer)),
      },
      ask: {
        action: 'receive',
        channel: { $ref: '#/channels/events' },
        summary: 'What a client may say.',
        messages: refs(Object.keys(fromClient)),
      },
    },
    components: {
      messages: Object.fromEntries(
        Object.entries({ ...fromServer, ...fromClient }).map(([name, shape]) => [
          name,
          {
            name,
            title: name,
            summary: told[name] ?? name,
            payload: schemaOf(shape, name in fromServer ? 'output' : 'input'),
          },
        ]),
      ),
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'Any credential of the API that may read events.',
        },
        ticket: {
          type: 'httpApiKey',
          in: 'query',
          name: 'ticket',
          description: 'A single-use ticket of 30 seconds.',
        },
      },
    },
  }
}

/** JSON Schema draft 7, which AsyncAPI's own schema objects are a superset of. */
function schemaOf(shape: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _dialect, ...schema } = z.toJSONSchema(shape, { target: 'draft-7', io }) as Json
  return schema
}
