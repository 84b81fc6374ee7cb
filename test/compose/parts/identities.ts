/** Where the identities of a compose test come from: our own Workload API in the place of spire-agent, or the real SPIRE. */
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Authority,
  type Issued,
  keyPemOf,
  makeAuthority,
  type Pair,
  pemOf,
} from '#test/support/authority.ts'
import { keepFor } from '#test/support/sidecar.ts'
import { svidOf } from '#test/support/workload-api.ts'
import { writePlaceholderAgent } from '../../../containers/operate/write-placeholder-agent.ts'

/** The folder of the real programs; absent: the stand-in. */
export const spireBin: string | undefined = process.env.SPIRE_BIN_DIR || undefined

type Run = (...words: string[]) => Promise<string>

export interface Identities {
  /** Files that Compose takes beside compose.yaml. */
  readonly overlay: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly operatorSettings: Readonly<Record<string, string>>
  readonly frameSettings: Readonly<Record<string, string>>
  /** Words of docker compose before its command, for the frame. */
  readonly frameWords: readonly string[]
  /** Before the frame comes up: what it cannot start without. */
  prepare(frame: Run): Promise<void>
  /** A certificate of the federation's trust domain, for the test itself. */
  issue(path: string, frame: Run): Promise<Pair>
  /** Gives the stack its identity, or the next one. */
  give(compose: Run, frame: Run): Promise<void>
}

const DOMAIN = 'example.com'
const HOST = 'registry.example.com'
/** uid and gid of who keeps the identities of the EventStore and of the hub. */
const KEEPERS = { 'store-identity': 10_012, 'hub-identity': 10_022 } as const
const KEYS_GID = 10_003

/** Makes the folders that both kinds need. */
export function makeIdentities(folder: string, authority: Authority): Identities {
  for (const [name, uid] of Object.entries(KEEPERS)) {
    mkdirSync(join(folder, name))
    chownSync(join(folder, name), uid, KEYS_GID)
    // As in the image: what is written in it belongs to the group of those who may read keys.
    chmodSync(join(folder, name), 0o2755)
  }
  const frameSettings = {
    EVENT_STORE_IDENTITY_DIR: join(folder, 'store-identity'),
    HUB_IDENTITY_DIR: join(folder, 'hub-identity'),
  }
  return spireBin ? overSpire(folder, frameSettings) : overStandIn(folder, authority, frameSettings)
}

function overStandIn(
  folder: string,
  authority: Authority,
  frameSettings: Record<string, string>,
): Identities {
  const material = join(folder, 'material')
  mkdirSync(material)
  return {
    overlay: ['test/compose/parts/agent.yaml'],
    env: { AGENT_MATERIAL_DIR: material },
    operatorSettings: {},
    frameSettings,
    frameWords: [],
    async prepare() {
      for (const [name, path, host, registry] of [
        ['store-identity', '/event-store', 'events.example.com', 'store'],
        ['hub-identity', '/registry/hub', 'hub.example.com', 'hub'],
      ] as const) {
        await keepFor(join(folder, name), await authority.leaf(path, { dns: [host] }), [authority], registry)
        giveAway(join(folder, name), KEEPERS[name])
      }
    },
    issue: (path) => authority.leaf(path),
    async give() {
      const svid = svidOf(await authority.leaf('/registry/north', { dns: [HOST] }), authority)
      const draft = join(folder, 'draft')
      const base64 = (bytes: Buffer) => bytes.toString('base64')
      const told = {
        spiffe_id: svid.spiffe_id,
        x509_svid: base64(svid.x509_svid),
        x509_svid_key: base64(svid.x509_svid_key),
        bundle: base64(svid.bundle),
      }
      writeFileSync(draft, JSON.stringify({ svids: [told] }))
      renameSync(draft, join(material, 'message.json'))
    },
  }
}

/** The folder and all in it, links too, as if its owner had written it. */
function giveAway(path: string, uid: number): void {
  for (const entry of readdirSync(path, { recursive: true, withFileTypes: true }))
    if (!entry.isSymbolicLink()) chownSync(join(entry.parentPath, entry.name), uid, KEYS_GID)
}

function overSpire(folder: string, frameSettings: Record<string, string>): Identities {
  const agentFolder = join(folder, 'agent')
  const frameAgentFolder = join(folder, 'frame-agent')
  const authorityFile = join(folder, 'agents-ca.pem')
  writeFileSync(authorityFile, '')
  mkdirSync(frameAgentFolder)
  let parent = ''
  let entry = ''
  let given = 0
  let agents: Authority
  const server = (frame: Run, ...words: string[]) =>
    frame('exec', '-T', 'spire-server', '/opt/spire/bin/spire-server', ...words)
  const register = async (frame: Run, above: string, uid: number, path: string, ...hosts: string[]) => {
    const words = ['entry', 'create', '-parentID', above, '-spiffeID', `spiffe://${DOMAIN}${path}`]
    const dns = hosts.flatMap((host) => ['-dns', host])
    const out = await server(frame, ...words, '-selector', `unix:uid:${uid}`, ...dns)
    return /Entry ID\s*: (\S+)/.exec(out)?.[1] ?? ''
  }
  /** What an operator gets from the mainframe's onboarding. @returns the ID of the agent */
  const onboard = async (frame: Run, to: string) => {
    const leaf: Issued = await agents.leaf('/agent')
    mkdirSync(to, { recursive: true })
    writeFileSync(join(to, 'agent.crt.pem'), pemOf(leaf))
    writeFileSync(join(to, 'agent.key.pem'), keyPemOf(leaf), { mode: 0o600 })
    writeFileSync(join(to, 'bundle.pem'), `${await server(frame, 'bundle', 'show')}\n`)
    const print = createHash('sha1').update(leaf.certificate.raw).digest('hex')
    return `spiffe://${DOMAIN}/spire/agent/x509pop/${print}`
  }
  return {
    overlay: [],
    env: {},
    operatorSettings: { SPIRE_IDENTITY_DIR: agentFolder, SPIRE_TRUST_DOMAIN: DOMAIN },
    frameSettings: {
      ...frameSettings,
      SPIRE_AGENTS_CA: authorityFile,
      FRAME_AGENT_IDENTITY_DIR: frameAgentFolder,
    },
    frameWords: ['--profile', 'spire'],
    async prepare(frame) {
      agents = await makeAuthority('agents.example')
      writeFileSync(authorityFile, pemOf(agents))
      await frame('up', '-d', '--wait', '--wait-timeout', '60', 'spire-server')
      const own = await onboard(frame, frameAgentFolder)
      await register(frame, own, KEEPERS['store-identity'], '/event-store', 'events.example.com')
      await register(frame, own, KEEPERS['hub-identity'], '/registry/hub', 'hub.example.com')
    },
    async issue(path, frame) {
      const out = await server(frame, 'x509', 'mint', '-spiffeID', `spiffe://${DOMAIN}${path}`)
      const certificate = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/.exec(out)?.[0] ?? ''
      const key =
        /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/.exec(out)?.[0] ?? ''
      return { certificate: new X509Certificate(certificate), key: createPrivateKey(key) }
    },
    async give(compose, frame) {
      if (parent === '') {
        parent = await onboard(frame, agentFolder)
        entry = await register(frame, parent, 10_002, '/registry/north', HOST)
        await compose('restart', 'spire-agent')
        return
      }
      // Another name beside the first: SPIRE gives a new certificate for that.
      await server(frame, 'entry', 'delete', '-entryID', entry)
      entry = await register(frame, parent, 10_002, '/registry/north', HOST, `n${++given}.example.com`)
    },
  }
}

/** The operator's agent before its onboarding. */
export async function placeAgent(folder: string): Promise<void> {
  if (spireBin) await writePlaceholderAgent(join(folder, 'agent'))
}
