/** The doctor inside the running stack: what the registry's container sees of every part. */
import { join } from 'node:path'
import { parseSpiffeId } from '#core/base/spiffe-id.ts'
import { type Config, readConfig } from '#core/platform/config.ts'
import { systemRandom } from '#core/platform/context.ts'
import { openRedis } from '#core/platform/coordination/redis.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { silentLog } from '#core/platform/log.ts'
import { EVENT_STORE_PEER, openSidecar } from '#core/platform/open-sidecar.ts'
import { readBundle } from '#core/platform/spiffe/open-verifier.ts'
import { type IdentityReport, openIdentityReader } from '#core/platform/spiffe/read-identity.ts'
import { bad, type Finding, good } from './findings.ts'
import { judgeLink } from './judge-link.ts'
import { askThrough, seeCertificate } from './probe-link.ts'

const WAIT_MS = 5000
const SILENT_MS = 120_000

/** Looks at everything once. */
export async function checkLive(
  env: Readonly<Record<string, string | undefined>>,
  now: Date,
): Promise<Finding[]> {
  const config = readConfig({ ...env, METRICS_PORT: '0' })
  const findings = await Promise.all([
    checkDatabase('database through pgbouncer', config.DATABASE_URL, 7),
    checkDatabase('database', config.DATABASE_DIRECT_URL),
    checkHttp('teg-layer', config.TEG_URL && `${config.TEG_URL}/readyz`),
    checkHttp('registry', `http://127.0.0.1:${config.REGISTRY_PORT}/readyz`, 3),
    checkRedis(config.REDIS_URL),
  ])
  const report = config.IDENTITY_DIR ? await openIdentityReader(config.IDENTITY_DIR).read() : null
  const identity = judgeIdentity(report, now)
  return [...findings, identity, ...(await checkLinks(config, report, now))]
}

async function checkDatabase(check: string, url: string | undefined, row?: 7): Promise<Finding> {
  if (!url) return good(check, 'not_configured')
  const db = openPg({ url, max: 1, connectTimeoutMs: WAIT_MS, applicationName: 'ninefold-operate-doctor' })
  try {
    await db.query('select 1')
    return good(check, 'ok', row)
  } catch (error) {
    const words = (error as Error).message
    if (/no more connections allowed|query_wait_timeout|too many clients/.test(words))
      return bad(
        'fail',
        check,
        'pool_exhausted',
        'All connections are taken: lower HOST_WORKERS, or raise default_pool_size and max_client_conn in pgbouncer.ini together with max_connections of db',
        7,
      )
    if (/password|SASL|authentication/.test(words))
      return bad(
        'fail',
        check,
        'password',
        'The password is refused: .env.operator is not the one that this data was made with',
      )
    return bad(
      'fail',
      check,
      (error as { code?: string }).code ?? 'error',
      `It does not answer: docker compose logs ${row ? 'pgbouncer db' : 'db'}`,
      row,
    )
  } finally {
    await db.close()
  }
}

async function checkHttp(check: string, url: string | undefined, row?: 3): Promise<Finding> {
  if (!url) return good(check, 'not_configured')
  const status = await fetch(url, { signal: AbortSignal.timeout(WAIT_MS) }).then(
    (reply) => reply.status,
    () => null,
  )
  if (status === 200) return good(check, 'ok', row)
  return bad(
    'fail',
    check,
    status === null ? 'away' : `answered_${status}`,
    row
      ? 'The registry is still starting or migrating (nginx answers 502 meanwhile): wait a minute; then docker compose logs registry'
      : `docker compose logs ${check}`,
    row,
  )
}

async function checkRedis(url: string | undefined): Promise<Finding> {
  if (!url) return good('redis', 'not_configured')
  const redis = await openRedis({ url, workers: 1, log: silentLog, random: systemRandom })
  const answers = await redis.ping().catch(() => false)
  await redis.close()
  return answers
    ? good('redis')
    : bad(
        'warn',
        'redis',
        'away',
        'The registry works without it, slower; logins wait: docker compose logs redis',
      )
}

/** Rows 1, 2 and 4: what cert-writer says of the identity. */
export function judgeIdentity(report: IdentityReport | null, now: Date): Finding {
  const say = (state: 'warn' | 'fail', cause: string, hint: string, row: 1 | 2 | 4 = 2) =>
    bad(state, 'identity', cause, hint, row)
  if (!report || now.getTime() - Date.parse(report.updated_at) > SILENT_MS)
    return say('fail', 'cert_writer_silent', 'cert-writer does not write: docker compose logs cert-writer')
  const isOver = !report.not_after || Date.parse(report.not_after) <= now.getTime()
  if (report.not_before && Date.parse(report.not_before) > now.getTime())
    return say(
      'fail',
      'clock_skew',
      'The certificate begins later than the clock of this machine says: set it to NTP',
      4,
    )
  if (report.workload_api === 'denied')
    return say(
      isOver ? 'fail' : 'warn',
      'denied',
      'The agent has no entry for cert-writer (unix:uid:10002), or the mainframe has taken it away: contact it',
    )
  if (report.workload_api === 'stopped')
    return say(
      'fail',
      'refused',
      'What answers on the socket is no Workload API: check SPIFFE_ENDPOINT_SOCKET',
    )
  if (report.workload_api !== 'connected' && isOver)
    return say(
      'fail',
      'agent_away',
      'spire-agent does not answer: wrong trust domain or server address, or its key is refused: docker compose logs spire-agent; operate doctor',
      1,
    )
  if (report.workload_api !== 'connected')
    return say(
      'warn',
      'agent_away',
      `spire-agent does not answer; federation goes on until ${report.not_after}: docker compose logs spire-agent`,
      1,
    )
  if (report.identity === 'none' || isOver)
    return say(
      'fail',
      'expired',
      'The agent answers, but gives no certificate that is in time: restart spire-agent, then cert-writer',
      4,
    )
  if (report.identity === 'expiring')
    return say(
      'warn',
      'expiring',
      `Not changed since ${report.not_before}: docker compose logs spire-agent`,
      4,
    )
  return good('identity', 'ok', 2)
}

async function checkLinks(config: Config, report: IdentityReport | null, now: Date): Promise<Finding[]> {
  const {
    FEDERATION_PROXY_URL: url,
    FEDERATION_PROXY_TOKEN: token,
    IDENTITY_DIR: folder,
    EVENT_STORE_URL: store,
  } = config
  if (!url || !token || !folder) return []
  const sidecar = openSidecar({ url, token })
  const own =
    report?.not_before && report.not_after
      ? { notBefore: new Date(report.not_before), notAfter: new Date(report.not_after) }
      : null
  const bundleOf = (domain: string | undefined) =>
    domain === undefined ? null : readBundle(join(folder, 'current', 'bundles', `${domain}.pem`))
  const links = [
    ...(config.EVENT_STORE_ENABLED && store?.startsWith('https:')
      ? [
          {
            check: 'EventStore',
            row: 5 as const,
            peer: EVENT_STORE_PEER,
            url: store,
            path: `/events/head?source=${encodeURIComponent(`/registries/${config.REGISTRY_NAME}/registry`)}`,
            domain: parseSpiffeId(report?.spiffe_id ?? '')?.trustDomain,
          },
        ]
      : []),
    ...config.FEDERATION_PEERS.map((peer) => ({
      check: `peer ${peer.name}`,
      row: (peer.role === 'hub' ? 6 : 4) as 4 | 6,
      peer: peer.name,
      url: peer.url,
      path: '/api/v1/federation/ping',
      domain: parseSpiffeId(peer.spiffe_id)?.trustDomain,
    })),
  ]
  const found = await Promise.all(
    links.map(async ({ check, row, peer, url: address, path, domain }) => {
      const [status, seen] = await Promise.all([
        askThrough(sidecar, peer, path),
        seeCertificate(address, bundleOf(domain)),
      ])
      return judgeLink({ check, row, status, seen, own, now, theirs: null })
    }),
  )
  await sidecar.close()
  return found
}
