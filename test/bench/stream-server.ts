/**
 * A process that holds WebSockets for the bench of the live stream. `ours`: sockets, filter, rights, guards and journal as the
 * host runs them. `bare`: a server of ws that sends each text to everybody. Its parent lets it publish.
 */
import { createServer } from 'node:http'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Caller } from '#core/base/caller.ts'
import { systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { openJournalHub } from '#core/registry/stream/open-journal-hub.ts'
import { JOURNAL_CHANNEL } from '#core/registry/stream/relay-events.ts'
import { attachSockets } from '#core/runtime/hold-sockets.ts'
import { addressReader, listen } from '#core/runtime/to-node.ts'

const [kind = 'bare', url = ''] = process.argv.slice(2)

/** The frame of an event as a client gets it: 465 bytes of document. */
const documentOf = (index: number) =>
  JSON.stringify({
    specversion: '1.0',
    id: '01a20efe-26cb-76bd-8b6f-c88e91601e83',
    source: '/registries/ninefold/teg',
    type: 'transfer.completed',
    subject: `transfers/${index}`,
    time: '2026-11-24T12:00:00.000Z',
    datacontenttype: 'application/json',
    sourcesequence: String(index),
    policyversion: 0,
    data: { amount: '1', fee: '0.005', memo: 'x'.repeat(190) },
  })

const server = createServer((_request, response) => response.writeHead(404).end())

async function openBare(): Promise<(events: number) => Promise<void>> {
  const wss = new WebSocketServer({ server, perMessageDeflate: false })
  const clients = new Set<WebSocket>()
  wss.on('connection', (socket) => {
    clients.add(socket)
    socket.on('close', () => clients.delete(socket))
  })
  let index = 0
  return async (events) => {
    for (let n = 0; n < events; n++) {
      index++
      const text = `{"type":"event","index":${index},"event":${documentOf(index)}}`
      for (const client of clients) if (client.readyState === client.OPEN) client.send(text)
      // As a real one would: each event comes in a turn of its own.
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
}

async function openOurs(): Promise<(events: number) => Promise<void>> {
  const db = openPg({ url, max: 4 })
  const coordination = openInProcess()
  const resources = { db, coordination, log: silentLog }
  const feed = openJournalHub(resources)
  attachSockets(server, {
    feed,
    authenticate: async (token): Promise<Caller> => ({
      kind: 'developer',
      account: token,
      email: `${token}@example.com`,
      emailVerified: true,
      roles: [],
      scopes: null,
      session: 's',
      key: null,
    }),
    redeemTicket: async () => null,
    publicUrls: [],
    coordination,
    tierOf: null,
    addressOf: addressReader(),
    newId: () => crypto.randomUUID(),
    now: systemClock.now,
    random: systemRandom,
    log: silentLog,
  })
  let index = 0
  return async (events) => {
    const rows = Array.from({ length: events }, () => {
      index++
      return { index, id: crypto.randomUUID(), envelope: documentOf(index) }
    })
    await db.query(
      `insert into registry.journal
         (index, id, source, sourcesequence, type, subject, time, envelope, recorded_at)
       select r.index, r.id, '/bench', r.index, 'transfer.completed', 'transfers/1', clock_timestamp(), r.envelope,
         clock_timestamp()
       from json_to_recordset($1::json) as r(index bigint, id uuid, envelope text)`,
      [JSON.stringify(rows)],
    )
    await coordination.publish(JOURNAL_CHANNEL, String(index))
  }
}

const publish = await (kind === 'ours' ? openOurs() : openBare())
process.on('message', (events) => {
  void publish(Number(events)).then(() => process.send?.('published'))
})
process.on('disconnect', () => process.exit(0))
process.send?.(await listen(server, 0, '127.0.0.1'))
