/** The gRPC client of the SPIFFE Workload API: one stream of X.509 identities over the agent's socket. */
import { fileURLToPath } from 'node:url'
import { type ClientReadableStream, credentials, loadPackageDefinition, Metadata } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** A message of the stream, as it came: nothing in it is checked yet. */
export interface X509Message {
  readonly svids: readonly RawSvid[]
  /** DER by trust domain's SPIFFE ID. */
  readonly federated_bundles: Readonly<Record<string, Buffer>>
}
export interface RawSvid {
  readonly spiffe_id: string
  readonly x509_svid: Buffer
  readonly x509_svid_key: Buffer
  readonly bundle: Buffer
  readonly hint: string
}

/** How a stream ended; code 0: the agent closed it. */
export interface StreamEnd {
  readonly code: number
  readonly details: string
}

/** Codes of gRPC that the standard gives a meaning. */
export const codes = {
  ok: 0,
  canceled: 1,
  invalidArgument: 3,
  permissionDenied: 7,
  unimplemented: 12,
  unavailable: 14,
} as const

export interface WorkloadApi {
  /** Opens the stream; resolves when it has ended. */
  watchX509(onMessage: (message: X509Message) => void, signal: AbortSignal): Promise<StreamEnd>
  close(): void
}

interface Stub {
  FetchX509SVID(request: object, metadata: Metadata): ClientReadableStream<X509Message>
  close(): void
}

const PROTO = fileURLToPath(new URL('./workload-api.proto', import.meta.url))
const MESSAGE_BYTES_MAX = 4 * 1024 * 1024

/** The service as gRPC's loader makes it of our file: also what a test serves. */
export function loadWorkloadService() {
  const definition = loadSync(PROTO, { keepCase: true, defaults: true, arrays: true, objects: true })
  return loadPackageDefinition(definition).SpiffeWorkloadAPI as unknown as {
    new (address: string, secret: object, options: object): Stub
    service: import('@grpc/grpc-js').ServiceDefinition
  }
}

/**
 * Checks SPIFFE_ENDPOINT_SOCKET (SPIFFE_Workload_Endpoint.md, section 4).
 * @returns what is wrong with it, or null
 */
export function judgeEndpoint(endpoint: string): string | null {
  if (/^unix:\/\/\/[^?#]+$/.test(endpoint)) return null
  const tcp = /^tcp:\/\/(\[[0-9a-f:]+\]|\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$/i.exec(endpoint)
  if (tcp && Number(tcp[2]) > 0 && Number(tcp[2]) <= 65535) return null
  return 'must be unix:///<absolute path> or tcp://<IP address>:<port>'
}

/** Opens the client; nothing is sent before a stream is asked for. @throws on a malformed endpoint */
export function openWorkloadApi(endpoint: string): WorkloadApi {
  const fault = judgeEndpoint(endpoint)
  if (fault) throw new Error(`SPIFFE_ENDPOINT_SOCKET: ${fault}`)
  const Service = loadWorkloadService()
  const stub = new Service(endpoint.replace(/^tcp:\/\//, ''), credentials.createInsecure(), {
    'grpc.max_receive_message_length': MESSAGE_BYTES_MAX,
    // Whoever opens the next stream decides when; the channel's own pauses must not add up with it.
    'grpc.initial_reconnect_backoff_ms': 500,
    'grpc.max_reconnect_backoff_ms': 2000,
    'grpc.enable_http_proxy': 0,
  })
  return {
    watchX509(onMessage, signal) {
      const metadata = new Metadata()
      metadata.set('workload.spiffe.io', 'true')
      return new Promise<StreamEnd>((resolve) => {
        if (signal.aborted) return resolve({ code: codes.canceled, details: 'stopped' })
        const stream = stub.FetchX509SVID({}, metadata)
        const cancel = () => stream.cancel()
        const end = (code: number, details: string) => {
          signal.removeEventListener('abort', cancel)
          resolve({ code, details })
        }
        signal.addEventListener('abort', cancel, { once: true })
        stream.on('data', onMessage)
        // The status is the last word in every case; an error repeats it.
        stream.on('error', () => undefined)
        stream.on('status', (status: { code: number; details: string }) => end(status.code, status.details))
      })
    },
    close: () => stub.close(),
  }
}
