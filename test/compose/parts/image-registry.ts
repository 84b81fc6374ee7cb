/** A registry of images for a test, in memory: as much of the distribution API as push and pull of a small image need. */
import { createHash, randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ImageRegistry {
  /** host:port, as it stands before the name of an image. */
  readonly host: string
  close(): Promise<void>
}

interface Manifest {
  readonly type: string
  readonly bytes: Buffer
}

const digestOf = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/** Serves it on this machine alone: engines take plain HTTP from 127.0.0.1. */
export async function openImageRegistry(): Promise<ImageRegistry> {
  const blobs = new Map<string, Buffer>()
  const uploads = new Map<string, Buffer>()
  const manifests = new Map<string, Manifest>()

  const answer = async (request: IncomingMessage, reply: ServerResponse) => {
    const url = new URL(request.url ?? '/', 'http://registry')
    const send = (status: number, headers: Record<string, string | number> = {}, body?: Buffer) =>
      reply.writeHead(status, headers).end(request.method === 'HEAD' ? undefined : body)
    const body = Buffer.concat(await request.toArray())
    if (url.pathname === '/v2/') return send(200)
    const [, name = '', kind = '', reference = ''] =
      /^\/v2\/(.+)\/(blobs\/uploads|blobs|manifests)\/(.*)$/.exec(url.pathname) ?? []
    if (kind === 'blobs/uploads') {
      const id = reference || randomUUID()
      const bytes = Buffer.concat([uploads.get(id) ?? Buffer.alloc(0), body])
      const digest = url.searchParams.get('digest')
      if (digest) {
        uploads.delete(id)
        if (digestOf(bytes) !== digest) return send(400)
        blobs.set(digest, bytes)
        return send(201, { location: `/v2/${name}/blobs/${digest}` })
      }
      uploads.set(id, bytes)
      const range = `0-${Math.max(0, bytes.length - 1)}`
      return send(202, { location: `/v2/${name}/blobs/uploads/${id}`, range })
    }
    if (kind === 'manifests' && request.method === 'PUT') {
      const manifest = { type: String(request.headers['content-type']), bytes: body }
      const digest = digestOf(body)
      for (const key of [reference, digest]) manifests.set(`${name} ${key}`, manifest)
      return send(201, { 'docker-content-digest': digest })
    }
    const found =
      kind === 'manifests'
        ? manifests.get(`${name} ${reference}`)
        : { type: 'application/octet-stream', bytes: blobs.get(reference) }
    if (!found?.bytes) return send(404)
    const headers = {
      'content-type': found.type,
      'content-length': found.bytes.length,
      'docker-content-digest': digestOf(found.bytes),
    }
    return send(200, headers, found.bytes)
  }
  const server = createServer((request, reply) => void answer(request, reply))
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      await new Promise((done) => server.close(done))
    },
  }
}
