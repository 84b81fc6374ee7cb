/**
 * A process of WebSocket clients that cost little: raw connections which count the text frames of events. Its parent tells it
 * what to do and is told when everything has come; with `stamped` it also measures how old each event is.
 */
import { randomBytes } from 'node:crypto'
import { connect, type Socket } from 'node:net'

export type ClientsOrder =
  /** Opens connections over several ports, turn by turn; each says `say` (a text frame) once it is open. */
  | { do: 'open'; count: number; ports: number[]; path: string; tokens: string[]; say: string | null }
  /** Tells when every connection has got so many events since the last order. */
  | { do: 'expect'; events: number }
  | { do: 'ages' }
export type ClientsWord =
  | { word: 'opened' }
  | { word: 'got'; milliseconds: number }
  | { word: 'ages'; values: number[] }

const STAMP = Buffer.from('"stamp":')
const EVENT = Buffer.from('"type":"event"')

/** A client's text frame, masked with zeros. */
function frameOf(text: string): Buffer {
  const payload = Buffer.from(text)
  if (payload.length > 125) throw new Error('longer than one short frame')
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}

let sockets: Socket[] = []
let expected = Number.POSITIVE_INFINITY
let missing = 0
let since = 0
let ages: number[] = []
const tell = (word: ClientsWord) => process.send?.(word)

function open(port: number, path: string, token: string, say: string | null): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    let rest: Buffer = Buffer.alloc(0)
    let upgraded = false
    let count = 0
    const take = (payload: Buffer) => {
      // The bare server sends nothing but events; ours says hello and pings as well.
      if (payload.indexOf(EVENT) < 0) return
      const at = payload.indexOf(STAMP)
      if (at >= 0) {
        const text = payload.toString('latin1', at + STAMP.length, at + STAMP.length + 20)
        ages.push(performance.timeOrigin + performance.now() - Number.parseFloat(text))
      }
      if (++count !== expected) return
      if (--missing > 0) return
      tell({ word: 'got', milliseconds: performance.now() - since })
    }
    Object.assign(socket, {
      restart: () => {
        count = 0
      },
    })
    socket.on('error', reject)
    socket.on('connect', () => {
      const key = randomBytes(16).toString('base64')
      socket.write(
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      )
    })
    socket.on('data', (chunk) => {
      let bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
      if (!upgraded) {
        const end = bytes.indexOf('\r\n\r\n')
        if (end < 0) {
          rest = bytes
          return
        }
        if (!bytes.toString('latin1', 0, 12).endsWith('101'))
          return reject(new Error(bytes.toString('latin1')))
        upgraded = true
        bytes = bytes.subarray(end + 4)
        if (say !== null) socket.write(frameOf(say))
        resolve(socket)
      }
      let at = 0
      while (bytes.length - at >= 2) {
        const short = (bytes[at + 1] as number) & 0x7f
        const head = short < 126 ? 2 : short === 126 ? 4 : 10
        if (bytes.length - at < head) break
        const length =
          short < 126
            ? short
            : short === 126
              ? bytes.readUInt16BE(at + 2)
              : Number(bytes.readBigUInt64BE(at + 2))
        if (bytes.length - at < head + length) break
        take(bytes.subarray(at + head, at + head + length))
        at += head + length
      }
      rest = bytes.subarray(at)
    })
  })
}

const OPENING_AT_ONCE = 50

process.on('message', async (order: ClientsOrder) => {
  if (order.do === 'open') {
    for (const socket of sockets) socket.destroy()
    sockets = []
    for (let at = 0; at < order.count; at += OPENING_AT_ONCE) {
      const some = Array.from({ length: Math.min(OPENING_AT_ONCE, order.count - at) }, (_, i) => {
        const n = at + i
        const port = order.ports[n % order.ports.length] as number
        return open(port, order.path, order.tokens[n % order.tokens.length] as string, order.say)
      })
      sockets.push(...(await Promise.all(some)))
    }
    for (const socket of sockets) socket.on('error', () => undefined)
    tell({ word: 'opened' })
  } else if (order.do === 'expect') {
    for (const socket of sockets) (socket as Socket & { restart: () => void }).restart()
    expected = order.events
    missing = sockets.length
    since = performance.now()
    ages = []
    // Only now may it begin.
    tell({ word: 'ages', values: [] })
  } else tell({ word: 'ages', values: ages })
})
process.on('disconnect', () => process.exit(0))
