/**
 * Speed of the TEG in this process: `node test/bench/teg.ts [url of a server]`; without one the embedded engine on a folder.
 * Prints transfers per second and CPU per transfer: through the gate, through the client over the TEG's application.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '#core/platform/config.ts'
import { systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { openPglite } from '#core/platform/database/pglite.ts'
import { silentLog } from '#core/platform/log.ts'
import { openTegClient } from '#core/registry/open-teg-client.ts'
import { digestOf } from '#core/teg/ledger/encode-commands.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { Command } from '#core/wire/teg.ts'
import { buildTeg } from '#host/build-teg.ts'

const SECONDS = Number(process.env.BENCH_SECONDS ?? 5)
const ACCOUNTS = Number(process.env.BENCH_ACCOUNTS ?? 1000)
const url = process.argv[2]
const folder = mkdtempSync(join(tmpdir(), 'ninefold-bench-'))
const db = url ? openPg({ url, max: 10 }) : await openPglite({ dataDir: join(folder, 'db') })
const call = () => ({ requestId: 'bench', signal: new AbortController().signal })

try {
  await migrate(db, 'teg', migrations)
  const built = await buildTeg({
    config: readConfig({}),
    resources: {
      db,
      coordination: openInProcess(),
      clock: systemClock,
      random: systemRandom,
      log: silentLog,
    },
    serviceToken: 'service-token-of-the-bench-0123456789',
    observe: () => undefined,
    draining: () => false,
  })
  const client = openTegClient({
    token: 'service-token-of-the-bench-0123456789',
    fetch: (request) => built.app.fetch(request, { address: '127.0.0.1' }),
    newId: randomUUID,
  })
  const agents = Array.from({ length: ACCOUNTS }, () => randomUUID())
  await client.commands(
    call(),
    agents.flatMap((agent) => [
      { op: 'open_account', agent, did: `did:web:bench:${agent}`, owner: agent } as const,
      {
        op: 'grant',
        developer: randomUUID(),
        agent,
        amount: '100000',
        budget_per_day: '9999999999',
      } as const,
    ]),
  )
  const pick = () => agents[Math.floor(Math.random() * agents.length)] as string
  const make = () => {
    const [from_agent, to_agent] = [pick(), pick()]
    const hash = digestOf(`${to_agent} 1`).replaceAll('-', '').padEnd(64, '0')
    const plain = { memo: null, reference: null, quote: null, limits: null }
    return { op: 'transfer', key: randomUUID(), hash, from_agent, to_agent, amount: '1', ...plain } as const
  }
  const { gate } = built.resources
  const lanes: [string, number, () => Promise<unknown>][] = [
    ['gate', 1, () => gate.post([Command.parse(make())])],
    ['gate', 64, () => gate.post([Command.parse(make())])],
    ['gate', 256, () => gate.post([Command.parse(make())])],
    ['client', 1, () => client.command(call(), make())],
    ['client', 64, () => client.command(call(), make())],
  ]
  for (const [name, callers, post] of lanes) await measure(name, callers, post)
} finally {
  await db.close()
  rmSync(folder, { recursive: true, force: true })
}

/** Runs callers in closed loops and prints what they got. */
async function measure(name: string, callers: number, post: () => Promise<unknown>): Promise<void> {
  let done = 0
  let until = performance.now() + 1000
  const loop = async () => {
    while (performance.now() < until) {
      await post()
      done++
    }
  }
  const round = () => Promise.all(Array.from({ length: callers }, loop))
  await round()
  done = 0
  until = performance.now() + SECONDS * 1000
  const [begin, cpu] = [performance.now(), process.cpuUsage()]
  await round()
  const seconds = (performance.now() - begin) / 1000
  const { user, system } = process.cpuUsage(cpu)
  const perTransfer = Math.round((user + system) / done)
  process.stdout.write(
    `${name} ${callers} callers: ${Math.round(done / seconds)} transfers/s, ${perTransfer} us of CPU each\n`,
  )
}
