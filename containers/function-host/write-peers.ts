/** Writes for nginx-federation whom it may reach: peers.conf and an authority file each, turned by one link on a change. */
import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseSpiffeId } from '#core/base/spiffe-id.ts'
import type { Config } from '#core/platform/config.ts'
import type { Queryable } from '#core/platform/database/database.ts'
import type { Log } from '#core/platform/log.ts'
import { EVENT_STORE_PEER, hostOfPeer } from '#core/platform/open-sidecar.ts'
import { openIdentityReader } from '#core/platform/spiffe/read-identity.ts'
import { type Destination, destinationsOf, renderPeers } from '#core/registry/identity/rules.ts'
import { withoutQuarantined } from '#core/registry/quarantine/find-quarantined.ts'

export interface PeersWriter {
  /** Looks once; @returns true when something was written. */
  look(): Promise<boolean>
  stop(): void
}

const LOOK_MS = 5000
const KEPT = 2

/**
 * Starts it, where the configuration has a sidecar. Several processes may write the same: the last link wins.
 * @param db of the registry: who is in quarantine is not reached either
 */
export function writePeers(config: Config, log: Log, db: Queryable): PeersWriter | null {
  const { IDENTITY_DIR: identity, FEDERATION_CONFIG_DIR: folder, FEDERATION_PROXY_URL: url } = config
  if (!identity || !folder || !url) return null
  const reader = openIdentityReader(identity)
  const port = Number(new URL(url).port || '80')
  const look = async () => {
    const own = parseSpiffeId((await reader.read())?.spiffe_id ?? '')
    const eventStore = config.EVENT_STORE_ENABLED ? config.EVENT_STORE_URL : undefined
    const destinations = destinationsOf(await withoutQuarantined(db, config.FEDERATION_PEERS), {
      name: EVENT_STORE_PEER,
      url: eventStore,
      trustDomain: own?.trustDomain ?? null,
    })
    return writeAll(folder, await withAuthorities(destinations, identity), port)
  }
  let failed = false
  const attempt = () =>
    look().then(
      (written) => {
        failed = false
        if (written) log.info({ path: folder }, 'the list of peers for nginx-federation was written')
      },
      (error) => {
        // Told once, not every few seconds.
        if (!failed) log.error({ error, path: folder }, 'the list of peers could not be written')
        failed = true
      },
    )
  const timer = setInterval(() => void attempt(), LOOK_MS)
  timer.unref()
  void attempt()
  return { look, stop: () => clearInterval(timer) }
}

type WithAuthority = Destination & { readonly authorities: string }

/** Those whose trust domain is known: a server block without its file of authorities would keep nginx from reloading. */
async function withAuthorities(
  destinations: readonly Destination[],
  identity: string,
): Promise<WithAuthority[]> {
  const found: WithAuthority[] = []
  for (const one of destinations) {
    const path = join(identity, 'current', 'bundles', `${one.trustDomain}.pem`)
    const authorities = await readFile(path, 'utf8').catch(() => null)
    if (authorities) found.push({ ...one, authorities })
  }
  return found
}

async function writeAll(
  folder: string,
  destinations: readonly WithAuthority[],
  port: number,
): Promise<boolean> {
  const conf = renderPeers(destinations, { port, folder: join(folder, 'current', 'ca'), hostOf: hostOfPeer })
  const hash = createHash('sha256').update(conf)
  for (const { name, authorities } of destinations) hash.update(`\0${name}\0${authorities}`)
  const name = `p-${hash.digest('hex').slice(0, 24)}`
  if ((await readlink(join(folder, 'current')).catch(() => null)) === name) return false
  const draft = join(folder, `.draft-${process.pid}`)
  await rm(draft, { recursive: true, force: true })
  await mkdir(join(draft, 'ca'), { recursive: true, mode: 0o755 })
  for (const one of destinations)
    await writeFile(join(draft, 'ca', `${one.name}.pem`), one.authorities, { mode: 0o644 })
  await writeFile(join(draft, 'peers.conf'), conf, { mode: 0o644 })
  // The name says what is in it: where it is there already, another process has written the same.
  await rename(draft, join(folder, name)).catch(() => rm(draft, { recursive: true, force: true }))
  const link = join(folder, `.link-${process.pid}`)
  await rm(link, { force: true })
  await symlink(name, link)
  await rename(link, join(folder, 'current'))
  const old = (await readdir(folder)).filter((entry) => /^p-[0-9a-f]{24}$/.test(entry) && entry !== name)
  for (const entry of old.slice(0, Math.max(0, old.length - KEPT)))
    await rm(join(folder, entry), { recursive: true, force: true })
  return true
}
