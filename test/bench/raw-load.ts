/**
 * A load of HTTP requests over plain sockets, one under way per connection: the sender shares the machine with what is
 * measured, and a whole HTTP client would cost more than the server.
 */
import { connect, type Socket } from 'node:net'

export interface RawLoad {
  readonly url: string
  readonly connections: number
  readonly seconds: number
  /** Head without Host and Content-Length, such as `POST /x HTTP/1.1\r\nauthorization: ...`, and body of one request. */
  readonly shot: () => { head: string; body: string }
  /** Called with every answer. @throws to end the load */
  readonly check: (status: number, body: Buffer) => void
}

export interface RawOutcome {
  readonly seconds: number
  readonly latenciesMs: readonly number[]
}

export async function sendRaw(load: RawLoad): Promise<RawOutcome> {
  const { hostname, port, host } = new URL(load.url)
  const latenciesMs: number[] = []
  const begin = performance.now()
  const end = begin + load.seconds * 1000
  const work = (socket: Socket) =>
    new Promise<void>((resolve, reject) => {
      let held: Buffer = Buffer.alloc(0)
      let sent = 0
      const send = () => {
        sent = performance.now()
        if (sent >= end) return resolve()
        const { head, body } = load.shot()
        socket.write(`${head}\r\nhost: ${host}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
      }
      socket.on('data', (chunk) => {
        held = held.length === 0 ? chunk : Buffer.concat([held, chunk])
        try {
          const answer = readAnswer(held)
          if (!answer) return
          held = Buffer.alloc(0)
          load.check(answer.status, answer.body)
          latenciesMs.push(performance.now() - sent)
          send()
        } catch (error) {
          reject(error)
        }
      })
      socket.once('error', reject).once('close', () => reject(new Error('the server closed a connection')))
      send()
    })
  const sockets = await Promise.all(
    Array.from({ length: load.connections }, () => dial(Number(port), hostname)),
  )
  try {
    await Promise.all(sockets.map(work))
  } finally {
    for (const socket of sockets) socket.removeAllListeners('close').destroy()
  }
  return { seconds: (performance.now() - begin) / 1000, latenciesMs }
}

function dial(port: number, host: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host, noDelay: true }, () => resolve(socket))
    socket.once('error', reject)
  })
}

/** A whole answer, or null while there is more to come. */
function readAnswer(held: Buffer): { status: number; body: Buffer } | null {
  const headEnd = held.indexOf('\r\n\r\n')
  if (headEnd < 0) return null
  const head = held.toString('latin1', 0, headEnd)
  const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? Number.NaN)
  if (Number.isNaN(length)) throw new Error(`an answer without Content-Length:\n${head}`)
  if (held.length < headEnd + 4 + length) return null
  return { status: Number(head.slice(9, 12)), body: held.subarray(headEnd + 4, headEnd + 4 + length) }
}
