/** What the function host costs: CPU per request, memory, time to the first answer, transfers per second (embedded). */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { dataFolder, freePort, type Running, readMailToken, startProcess } from '#test/support/process.ts'
import type { Answer } from '#test/support/request.ts'
import { countOnly, sendLoad } from './load.ts'
import { judgeReport, median, printReport, round, say } from './report.ts'
import { measureSchedules, scheduleBounds } from './schedules.ts'
import { startPostgres } from './start-postgres.ts'
import { childrenOf, cpuSeconds, residentMegabytes } from './usage.ts'

const seconds = Number(process.env.BENCH_SECONDS ?? 3)
const rounds = Number(process.env.BENCH_ROUNDS ?? 7)
const CONNECTIONS = 64
const WARM_TURNS = 3

const noLimits = {
  RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000',
  RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
  LOG_LEVEL: 'warn',
}

/** Milliseconds from the spawn to the first answer of /readyz. */
async function timeStart(folder: string): Promise<{ host: Running; ms: number }> {
  const port = await freePort()
  const started = performance.now()
  const host = await startProcess(folder, port, noLimits)
  return { host, ms: performance.now() - started }
}

/** Microseconds of the server's CPU per request of GET /livez. */
async function cpuPerRequest(url: string, pid: number): Promise<number> {
  const before = cpuSeconds(pid)
  const outcome = await sendLoad({
    url,
    connections: CONNECTIONS,
    seconds,
    shot: () => ({ method: 'GET', path: '/livez' }),
  })
  return ((cpuSeconds(pid) - before) * 1e6) / countOnly(outcome, 200)
}

/** The host against node:http alone, turn by turn, so that a busy machine hits both. */
async function compareWithBare(host: Running) {
  const body = await (await fetch(`${host.url}/livez`)).text()
  const bare = spawn(process.execPath, [fileURLToPath(new URL('bare-server.ts', import.meta.url)), body], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const [line] = (await once(bare.stdout, 'data')) as [Buffer]
    const bareUrl = `http://127.0.0.1:${String(line).trim()}`
    const bareCosts: number[] = []
    const hostCosts: number[] = []
    for (let turn = 1 - WARM_TURNS; turn <= rounds; turn++) {
      const bareCost = await cpuPerRequest(bareUrl, bare.pid as number)
      const hostCost = await cpuPerRequest(host.url, host.pid)
      // The first turns warm both up: the host has more code to compile.
      if (turn <= 0) continue
      bareCosts.push(bareCost)
      hostCosts.push(hostCost)
      say(`livez turn ${turn}: bare ${round(bareCost)} us, host ${round(hostCost)} us`)
    }
    const ratios = hostCosts.map((cost, turn) => cost / (bareCosts[turn] as number))
    return { bare: median(bareCosts), host: median(hostCosts), ratio: median(ratios) }
  } finally {
    bare.kill('SIGKILL')
  }
}

function expectStatus(answer: Answer, status: number): Answer['body'] {
  if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.text}`)
  return answer.body
}

const cardOf = (name: string) => ({
  name,
  description: 'An agent of the bench',
  version: '1.0.0',
  supportedInterfaces: [
    { url: `https://${name}.example.com/a2a`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
  ],
  capabilities: {},
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 'echo', name: 'Echo', description: 'Says what it is told', tags: ['bench'] }],
})

/** A developer with one agent that has the genesis grant. */
async function enrol(host: Running, folder: string, name: string): Promise<{ token: string; agent: string }> {
  const email = `${name}@example.com`
  const password = 'correct horse battery staple'
  expectStatus(await host.api.post('/auth/register', { email, password, display_name: name }), 201)
  expectStatus(await host.api.post('/auth/verify-email', { token: await readMailToken(folder, email) }), 204)
  const token = expectStatus(await host.api.post('/auth/login', { email, password }), 200).access_token
  const agent = expectStatus(await host.api.post('/agents', { card: cardOf(name) }, { token }), 201).id
  for (let attempt = 0; attempt < 600; attempt++) {
    const balance = await host.api.get(`/agents/${agent}/balance`, { token })
    if (balance.status === 200 && balance.body.available === '1000') return { token, agent }
    await wait(100)
  }
  throw new Error(`the genesis grant of ${name} did not come`)
}

/** POST /transfers of the smallest amount between two agents, on the embedded database. */
async function measureTransfers(host: Running, folder: string) {
  const payer = await enrol(host, folder, 'payer')
  const payee = await enrol(host, folder, 'payee')
  const body = JSON.stringify({ from_agent: payer.agent, to_agent: payee.agent, amount: '0.0001' })
  const send = (label: string, duration: number) =>
    sendLoad({
      url: host.url,
      connections: CONNECTIONS,
      seconds: duration,
      shot: (number) => ({
        method: 'POST',
        path: '/api/v1/transfers',
        headers: {
          authorization: `Bearer ${payer.token}`,
          'content-type': 'application/json',
          'idempotency-key': `${label}-${number}`,
        },
        body,
      }),
    })
  countOnly(await send('warm', seconds), 201)
  const before = cpuSeconds(host.pid)
  const outcome = await send('run', seconds * 3)
  const count = countOnly(outcome, 201)
  const statement = await host.api.get(`/agents/${payee.agent}/statement?limit=1`, { token: payee.token })
  expectStatus(statement, 200)
  return {
    perSecond: count / outcome.seconds,
    cpuUs: ((cpuSeconds(host.pid) - before) * 1e6) / count,
    latencyMs: median(outcome.latenciesMs),
  }
}

/** Resident memory of one idle worker of two, on a PostgreSQL server of our own. */
async function measureWorkers(): Promise<number> {
  const server = await startPostgres()
  const folder = dataFolder()
  const env = { ...noLimits, DATABASE_URL: server.url, TEG_DATABASE_URL: server.url, HOST_WORKERS: '2' }
  const host = await startProcess(folder.path, await freePort(), env)
  try {
    await wait(5000)
    const workers = childrenOf(host.pid)
    say(`workers: ${workers.map((pid) => Math.round(residentMegabytes(pid))).join(' and ')} MB`)
    return median(workers.map(residentMegabytes))
  } finally {
    await host.stop('SIGTERM')
    folder.remove()
    await server.stop()
  }
}

async function main(): Promise<void> {
  const folder = dataFolder()
  let running: Running | undefined
  try {
    const first = await timeStart(folder.path)
    say(`first start: ${Math.round(first.ms)} ms`)
    await first.host.stop('SIGTERM')
    const again: number[] = []
    for (let turn = 0; turn < 3; turn++) {
      const { host, ms } = await timeStart(folder.path)
      again.push(ms)
      await host.stop('SIGTERM')
    }
    const host = await startProcess(folder.path, await freePort(), noLimits)
    running = host
    // Idle: start-up work is over and nothing was asked yet.
    await wait(3000)
    const idle = residentMegabytes(host.pid)
    const perWorker = await measureWorkers()
    const livez = await compareWithBare(host)
    const transfers = await measureTransfers(host, folder.path)
    const schedules = await measureSchedules()
    const figures = {
      ...schedules,
      livez_cpu_us: round(livez.host),
      bare_cpu_us: round(livez.bare),
      idle_memory_mb: Math.round(idle),
      idle_memory_per_worker_mb: Math.round(perWorker),
      first_answer_new_folder_ms: Math.round(first.ms),
      first_answer_existing_folder_ms: Math.round(median(again)),
      transfers_per_second: Math.round(transfers.perSecond),
      transfer_cpu_us: Math.round(transfers.cpuUs),
      transfer_median_ms: round(transfers.latencyMs),
    }
    printReport(
      judgeReport(
        'host',
        figures,
        { livez_cpu_host_to_bare: round(livez.ratio) },
        {
          livez_cpu_host_to_bare: { required: 1.6, goal: 1.4, better: 'less' },
          idle_memory_mb: { required: 850, goal: 600, better: 'less' },
          idle_memory_per_worker_mb: { required: 150, goal: 120, better: 'less' },
          first_answer_new_folder_ms: { required: 10_000, goal: 3000, better: 'less' },
          first_answer_existing_folder_ms: { required: 3000, goal: 1500, better: 'less' },
          ...scheduleBounds,
          transfers_per_second: { required: 300, goal: 1000, better: 'more' },
        },
      ),
    )
  } finally {
    await running?.stop('SIGKILL')
    folder.remove()
  }
}

await main()
