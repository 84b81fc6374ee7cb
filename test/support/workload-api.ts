/** A Workload API for tests, served over gRPC by the same file of the protocol: says what the test says, also nonsense. */
import { rmSync } from 'node:fs'
import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js'
import { loadWorkloadService } from '#core/platform/spiffe/workload-api.ts'
import type { Authority, Issued } from './authority.ts'

export interface FakeSvid {
  spiffe_id: string
  x509_svid: Buffer
  x509_svid_key: Buffer
  bundle: Buffer
  hint?: string
}
export interface FakeMessage {
  svids: FakeSvid[]
  crl?: Buffer[]
  federated_bundles?: Record<string, Buffer>
}

export interface FakeApi {
  readonly endpoint: string
  /** Sent to every stream, and at once to every new one. */
  send(message: FakeMessage): void
  /** Ends every stream with a code, and every new one, until the next message. */
  refuse(code: number, details: string): void
  /** Ends the open streams alone, as a proxy or a restart would. */
  drop(code?: number): void
  /** Streams opened so far. */
  opened(): number
  /** Streams open now. */
  open(): number
  stop(): Promise<void>
  start(): Promise<void>
}

type Stream = ServerWritableStream<unknown, unknown>

/** One identity of an authority as the agent would say it. */
export const svidOf = (leaf: Issued, authority: Authority, chain: readonly Issued[] = []): FakeSvid => ({
  spiffe_id: leaf.certificate.subjectAltName?.match(/URI:(spiffe:[^,]+)/)?.[1] ?? '',
  x509_svid: Buffer.concat([leaf, ...chain].map(({ certificate }) => certificate.raw)),
  x509_svid_key: leaf.key.export({ type: 'pkcs8', format: 'der' }),
  bundle: authority.certificate.raw,
  hint: '',
})

/** Starts one on a socket. */
export async function serveWorkloadApi(path: string): Promise<FakeApi> {
  const streams = new Set<Stream>()
  let message: FakeMessage | null = null
  let refusal: { code: number; details: string } | null = null
  let opened = 0
  let server: Server
  const end = (stream: Stream, code: number, details: string) => {
    streams.delete(stream)
    if (code === 0) stream.end()
    else stream.emit('error', { code, details })
  }
  const start = async () => {
    rmSync(path, { force: true })
    server = new Server()
    server.addService(loadWorkloadService().service, {
      FetchX509SVID(stream: Stream) {
        opened++
        const header = stream.metadata.get('workload.spiffe.io')
        if (header.length !== 1 || header[0] !== 'true')
          return end(stream, 3, 'security header missing from request')
        if (refusal) return end(stream, refusal.code, refusal.details)
        streams.add(stream)
        stream.on('close', () => streams.delete(stream))
        stream.on('cancelled', () => streams.delete(stream))
        if (message) stream.write(message)
      },
    })
    await new Promise<void>((resolve, reject) =>
      server.bindAsync(`unix://${path}`, ServerCredentials.createInsecure(), (error) =>
        error ? reject(error) : resolve(),
      ),
    )
  }
  /** One that was ended is open no more, whenever its own close comes. */
  const endAll = (code: number, details: string) => {
    for (const stream of [...streams]) {
      streams.delete(stream)
      end(stream, code, details)
    }
  }
  await start()
  return {
    endpoint: `unix://${path}`,
    send(next) {
      message = next
      refusal = null
      for (const stream of streams) stream.write(next)
    },
    refuse(code, details) {
      refusal = { code, details }
      endAll(code, details)
    },
    drop(code = 0) {
      endAll(code, 'dropped')
    },
    opened: () => opened,
    open: () => streams.size,
    stop: async () => server.forceShutdown(),
    start,
  }
}
