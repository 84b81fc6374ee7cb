/** What the operator's commands conclude: topology, timeline, the agent's key, and the links that look alike from outside. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { IdentityReport } from '#core/platform/spiffe/read-identity.ts'
import { type Different, keyPemOf, makeAuthority, pemOf, x509 } from '#test/support/authority.ts'
import { readTimeline } from '../../../containers/operate/boot-timeline.ts'
import { judgeIdentity } from '../../../containers/operate/check-live.ts'
import { judgeComposeVersion, judgeEngineVersion } from '../../../containers/operate/doctor.ts'
import { judgeAgent } from '../../../containers/operate/judge-agent.ts'
import { judgeLink, type Link } from '../../../containers/operate/judge-link.ts'
import { judgeTopology, type Rendered } from '../../../containers/operate/topology.ts'
import { writePlaceholderAgent } from '../../../containers/operate/write-placeholder-agent.ts'

const now = new Date('2026-01-01T12:00:00Z')
const at = (minutes: number) => new Date(now.getTime() + minutes * 60_000)

describe('topology', () => {
  const service = (more: object = {}) => ({
    ports: [],
    networks: { 'operator-net': null },
    read_only: true,
    cap_drop: ['ALL'],
    cap_add: [],
    security_opt: ['no-new-privileges:true'],
    healthcheck: {},
    volumes: [],
    ...more,
  })
  const nine = (more: Record<string, object> = {}): Rendered => ({
    services: Object.fromEntries(
      [
        'db',
        'teg-db',
        'redis',
        'pgbouncer',
        'spire-agent',
        'cert-writer',
        'teg-layer',
        'registry',
        'nginx-federation',
      ].map((name) => {
        const port = name === 'registry' ? 8000 : name === 'nginx-federation' ? 8443 : null
        return [name, service({ ...(port ? { ports: [{ target: port }] } : {}), ...more[name] })]
      }),
    ),
  })
  const failed = (rendered: Rendered) =>
    judgeTopology(rendered)
      .filter(({ ok }) => !ok)
      .map(({ check }) => check)

  test('takes the nine as they should be', () => {
    expect(failed(nine())).toEqual([])
  })
  test.each([
    ['two published ports', { db: { ports: [{ target: 5432 }] } }],
    ['two published ports', { registry: { ports: [] } }],
    ['one network', { redis: { networks: { other: null } } }],
    ['own network stacks', { redis: { network_mode: 'host' } }],
    [
      'no Docker socket',
      { 'spire-agent': { volumes: [{ source: '/var/run/docker.sock', target: '/run/docker.sock' }] } },
    ],
    ['not privileged', { db: { privileged: true } }],
    ['read-only images', { db: { read_only: false } }],
    ['no capabilities', { db: { cap_drop: [] } }],
    ['capabilities given back', { db: { cap_add: ['NET_ADMIN'] } }],
    ['no new privileges', { db: { security_opt: [] } }],
    ['own process spaces', { registry: { pid: 'host' } }],
    ['health checks', { redis: { healthcheck: undefined } }],
    ['nine containers', { tenth: {} }],
  ] as const)('finds what breaks the rule: %s', (check, more) => {
    const rendered = nine(more)
    for (const [name, change] of Object.entries(more))
      if (!(name in rendered.services)) rendered.services[name] = service(change)
    expect(failed(rendered)).toEqual([check])
  })
})

test('the timeline counts from the first container, and does not guess what the engine has forgotten', () => {
  const container = (service: string, started: number, log: [number, number][], status = 'healthy') => ({
    Name: `/x-${service}-1`,
    Created: now.getTime(),
    State: {
      Status: 'running',
      StartedAt: now.getTime() + started * 1000,
      Health: {
        Status: status,
        Log: log.map(([end, code]) => ({ End: now.getTime() + end * 1000, ExitCode: code })),
      },
    },
    Config: { Labels: { 'com.docker.compose.service': service } },
  })
  const quick = container('db', 1, [
    [2, 1],
    [3, 0],
  ])
  const slow = container('registry', 4, [
    [5, 1],
    [9.5, 0],
    [25, 0],
  ])
  expect(readTimeline([slow, quick])).toMatchObject({
    total: 9.5,
    lines: [
      { service: 'db', started: 1, healthy: 3 },
      { service: 'registry', healthy: 9.5 },
    ],
  })
  const old = container('redis', 1, [
    [60, 0],
    [75, 0],
    [90, 0],
    [105, 0],
    [120, 0],
  ])
  expect(readTimeline([quick, old])).toMatchObject({ total: null })
  expect(readTimeline([quick, container('teg', 1, [[2, 1]], 'starting')]).total).toBeNull()
})

describe('the key of spire-agent', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'agent-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const causes = async (time = new Date()) => (await judgeAgent(folder, time)).map(({ cause }) => cause)
  const write = async (different: Different = {}) => {
    const authority = await makeAuthority('agents.example')
    const until = new Date(Date.now() + 90 * 86_400_000)
    const leaf = await authority.leaf('/agent', { until, ...different })
    writeFileSync(join(folder, 'agent.crt.pem'), pemOf(leaf))
    writeFileSync(join(folder, 'agent.key.pem'), keyPemOf(leaf), { mode: 0o600 })
    writeFileSync(join(folder, 'bundle.pem'), pemOf(authority))
    return leaf
  }

  test('is good, or a placeholder that only local use goes on with', async () => {
    await write()
    expect(await causes()).toEqual(['ok', 'ok'])
    rmSync(folder, { recursive: true })
    await writePlaceholderAgent(folder)
    expect(await causes()).toEqual(['placeholder', 'ok'])
    // What is there is never replaced.
    expect(await writePlaceholderAgent(folder)).toBeNull()
  })
  test('is found missing, damaged, expired, too early, of another key, without its use, or open to others', async () => {
    expect(await causes()).toEqual(['missing'])
    const leaf = await write()
    expect(await causes(new Date(leaf.certificate.validToDate.getTime() + 1000))).toContain('expired')
    expect(await causes(new Date(leaf.certificate.validFromDate.getTime() - 1000))).toContain('not_yet_valid')
    expect(await causes(new Date(leaf.certificate.validToDate.getTime() - 86_400_000))).toContain('ends_soon')
    writeFileSync(
      join(folder, 'agent.key.pem'),
      keyPemOf(await (await makeAuthority('x.example')).leaf('/x')),
    )
    expect(await causes()).toContain('key_mismatch')
    writeFileSync(join(folder, 'agent.key.pem'), 'nonsense')
    expect(await causes()).toContain('unreadable')
    await write({ usage: x509.KeyUsageFlags.keyAgreement })
    expect(await causes()).toContain('no_digital_signature')
    await write()
    writeFileSync(join(folder, 'bundle.pem'), 'nonsense')
    expect(await causes()).toEqual(['ok', 'unreadable'])
  })
})

test.each([
  ['ok', {}],
  ['cert_writer_silent', null],
  ['cert_writer_silent', { updated_at: at(-10).toISOString() }],
  ['denied', { workload_api: 'denied' }],
  ['agent_away', { workload_api: 'down' }],
  ['agent_away', { workload_api: 'down', not_before: null, not_after: null, identity: 'none' }],
  ['refused', { workload_api: 'stopped' }],
  ['expired', { not_after: at(-1).toISOString() }],
  ['expiring', { identity: 'expiring' }],
  ['clock_skew', { not_before: at(5).toISOString() }],
] as const)('the identity is judged: %s', (cause, more) => {
  const report: IdentityReport = {
    identity: 'ok',
    spiffe_id: 'spiffe://north.example/registry/north',
    not_before: at(-30).toISOString(),
    not_after: at(30).toISOString(),
    workload_api: 'connected',
    since: at(-30).toISOString(),
    updated_at: now.toISOString(),
  }
  expect(judgeIdentity(more && { ...report, ...more }, now).cause).toBe(cause)
})

describe('a link', () => {
  const seen = {
    kind: 'certificate',
    notBefore: at(-30),
    notAfter: at(30),
    isTrusted: true,
    isForHost: true,
  } as const
  const link: Link = {
    check: 'peer hub',
    row: 6,
    status: 502,
    seen,
    own: { notBefore: at(-30), notAfter: at(30) },
    now,
    theirs: null,
  }
  test.each<[string, Partial<Link>]>([
    ['ok', { status: 200 }],
    ['clock_skew', { status: 200, theirs: at(5) }],
    ['no_identity', { own: null }],
    ['sidecar_away', { status: null }],
    ['own_certificate_expired', { own: { notBefore: at(-90), notAfter: at(-30) }, status: 403 }],
    ['clock_skew', { own: { notBefore: at(30), notAfter: at(90) }, status: 403 }],
    ['clock_skew', { theirs: at(-5), status: 403 }],
    ['unreachable', { seen: { kind: 'unreachable', code: 'ECONNREFUSED' } }],
    ['no_tls', { seen: { kind: 'no_tls', code: 'EPROTO' } }],
    ['their_certificate_expired', { seen: { ...seen, notAfter: at(-1) } }],
    ['clock_skew', { seen: { ...seen, notBefore: at(10) } }],
    ['domain_unknown', { seen: { ...seen, isTrusted: null }, status: 421 }],
    ['not_listed', { status: 421 }],
    ['wrong_domain', { seen: { ...seen, isTrusted: false } }],
    ['wrong_host', { seen: { ...seen, isForHost: false } }],
    ['revoked', { status: 403 }],
    ['revoked', { status: 401 }],
    ['not_a_registry', { status: 404 }],
    ['answered_502', { status: 502 }],
  ])('is told apart: %s', (cause, more) => {
    const finding = judgeLink({ ...link, ...more })
    expect(finding.cause).toBe(cause)
    expect(finding.state === 'ok' || finding.hint.length > 20).toBe(true)
  })
})

test('old engines are told what is needed', () => {
  expect(judgeEngineVersion('26.1.5').state).toBe('ok')
  expect(judgeEngineVersion('20.10.24')).toMatchObject({ state: 'fail', cause: 'too_old' })
  expect(judgeEngineVersion(null)).toMatchObject({ state: 'warn', cause: 'away' })
  expect(judgeComposeVersion('2.26.1-4').state).toBe('ok')
  expect(judgeComposeVersion('v2.19.0')).toMatchObject({ state: 'fail', cause: 'too_old' })
  expect(judgeComposeVersion(null).cause).toBe('away')
})
