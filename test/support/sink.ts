/** An endpoint for webhooks on this machine: keeps what came, answers as a test says. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import { afterAll } from 'vitest'
import { closeServer, listen } from '#core/runtime/to-node.ts'

export interface Received {
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** The header webhook-id. */
  readonly id: string
  /** Index of the event in the journal. */
  readonly index: number
  readonly type: string
}

export interface Sink {
  readonly port: number
  /** Address of a path. */
  url(path?: string): string
  /** What came, in order. */
  readonly received: Received[]
  /** What came to a path. */
  at(path: string): Received[]
  /** How requests are answered from now on: 204 unless a test says otherwise. */
  answer: (request: Received, response: ServerResponse) => void
  reset(): void
  close(): Promise<void>
}

const agree = (_request: Received, response: ServerResponse) => void response.writeHead(204).end()

export async function openSink(): Promise<Sink> {
  const received: Received[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8')
      const { index, type } = JSON.parse(body)
      const id = String(request.headers['webhook-id'])
      const one = { path: request.url ?? '/', headers: request.headers, body, id, index, type }
      received.push(one)
      sink.answer(one, response)
    })
  })
  const port = await listen(server, 0, '127.0.0.1')
  const sink: Sink = {
    port,
    url: (path = '/') => `http://127.0.0.1:${port}${path}`,
    received,
    at: (path) => received.filter((one) => one.path === path),
    answer: agree,
    reset() {
      received.length = 0
      sink.answer = agree
    },
    close: () => closeServer(server, 100),
  }
  afterAll(() => sink.close())
  return sink
}
