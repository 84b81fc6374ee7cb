/** Registry and TEG as two processes on a PostgreSQL server, as in production: each can be killed and started again alone. */
import { randomUUID } from 'node:crypto'
import { openPg } from '#core/platform/database/pg.ts'
import { type Command, type Outcome, OutcomeBatch } from '#core/wire/teg.ts'
import { dataFolder, freePort, type Running, readMailToken, startProcess } from './process.ts'
import { signUp } from './sign-up.ts'

const SERVICE_TOKEN = 'service-token-of-a-pair-0123456789'
const noLimits = {
  RATE_LIMIT_PUBLIC_PER_MINUTE: '1000000',
  RATE_LIMIT_AUTHENTICATED_PER_MINUTE: '1000000',
  LOG_LEVEL: 'error',
}
const COMMANDS_SENT = 2_000

export type PairMember = 'registry' | 'teg'

export interface ServicePair {
  readonly url: string
  /** The running process of a member. */
  member(which: PairMember): Running
  /** Kills a member as the kernel does. */
  kill(which: PairMember): Promise<void>
  /** Starts a member that is gone, on its port. */
  restart(which: PairMember): Promise<void>
  /** A developer's access token. */
  signUp(email: string): Promise<string>
  /** Posts commands to the TEG as the registry does. */
  post(commands: readonly Command[]): Promise<Outcome[]>
  stop(): Promise<void>
}

export interface PairOptions {
  /** Addresses of two databases; they may be one. */
  readonly registryUrl: string
  readonly tegUrl: string
  /** More environment of a member. */
  readonly env?: Partial<Record<PairMember, Record<string, string>>>
}

/** Starts both; the databases are migrated by them. */
export async function startPair(options: PairOptions): Promise<ServicePair> {
  const folder = dataFolder()
  const ports = { teg: await freePort(), registry: await freePort() }
  const common = { ...noLimits, TEG_SERVICE_TOKEN: SERVICE_TOKEN }
  const env: Record<PairMember, Record<string, string>> = {
    teg: {
      ...common,
      HOST_SERVICES: 'teg',
      TEG_PORT: String(ports.teg),
      TEG_DATABASE_URL: options.tegUrl,
      ...options.env?.teg,
    },
    registry: {
      ...common,
      HOST_SERVICES: 'registry',
      DATABASE_URL: options.registryUrl,
      TEG_URL: `http://127.0.0.1:${ports.teg}`,
      ...options.env?.registry,
    },
  }
  const start = (which: PairMember) => startProcess(folder.path, ports[which], env[which])
  const running = { teg: await start('teg') } as Record<PairMember, Running>
  running.registry = await start('registry')
  const tegUrl = `http://127.0.0.1:${ports.teg}`
  return {
    url: running.registry.url,
    member: (which) => running[which],
    async kill(which) {
      await running[which].stop('SIGKILL')
    },
    async restart(which) {
      running[which] = await start(which)
    },
    signUp: (email) => signUp(running.registry.api, email, (address) => readMailToken(folder.path, address)),
    post: (commands) => postCommands(tegUrl, commands),
    async stop() {
      await running.registry.stop('SIGKILL')
      await running.teg.stop('SIGKILL')
      folder.remove()
    },
  }
}

async function postCommands(url: string, commands: readonly Command[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (let at = 0; at < commands.length; at += COMMANDS_SENT) {
    const reply = await fetch(`${url}/commands`, {
      method: 'POST',
      headers: { authorization: `Bearer ${SERVICE_TOKEN}`, 'content-type': 'application/json' },
      body: JSON.stringify({ commands: commands.slice(at, at + COMMANDS_SENT) }),
    })
    if (reply.status !== 200) throw new Error(`the TEG answered ${reply.status}: ${await reply.text()}`)
    outcomes.push(...OutcomeBatch.parse(await reply.json()).outcomes)
  }
  return outcomes
}

/** Agents of a developer as rows of the registry and accounts of the TEG with AVT: publishing each is not the matter. */
export async function seedFunded(
  pair: ServicePair,
  registryUrl: string,
  token: string,
  count: number,
  avt: string,
): Promise<string[]> {
  const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
  const owner = String(claims.sub)
  const agents = Array.from({ length: count }, () => randomUUID() as string)
  const did = (agent: string) =>
    `did:web:${new URL(pair.url).host.replace(':', '%3A')}:api:v1:agents:${agent}`
  const outcomes = await pair.post(
    agents.flatMap((agent) => [
      { op: 'open_account', agent, did: did(agent), owner },
      {
        op: 'grant',
        developer: randomUUID(),
        agent,
        amount: avt,
        budget_per_day: '9007199254',
      },
    ]),
  )
  const refused = outcomes.find(({ ok }) => !ok)
  if (refused) throw new Error(`seeding was refused: ${JSON.stringify(refused.error)}`)
  const db = openPg({ url: registryUrl, max: 1 })
  try {
    await db.query(
      `insert into registry.agents (id, did, slug, owner, status, sequence, card_text, card_etag, card_digest,
         card_version, signature_status, hosted_card, registry_signature, created_at, updated_at, teg_sequence)
       select a.id, a.did, 'funded-' || a.id, $3, 'active', 1, '{}', 'e', 'sha-256:0', '1', 'unsigned', '{}', 's',
         clock_timestamp(), clock_timestamp(), 1
       from unnest($1::uuid[], $2::text[]) as a(id, did)`,
      [agents, agents.map(did), owner],
    )
  } finally {
    await db.close()
  }
  return agents
}
