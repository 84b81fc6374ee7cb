/** Judges a stack as Compose renders it: what is published, who is on which network, what rights containers have. */
import { z } from 'zod'
import { type Command, readArgs, UsageError } from './command.ts'

const Service = z.object({
  image: z.string().optional(),
  ports: z
    .array(z.object({ target: z.number(), published: z.union([z.string(), z.number()]).optional() }))
    .default([]),
  networks: z.record(z.string(), z.unknown()).nullish(),
  network_mode: z.string().optional(),
  privileged: z.boolean().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).default([]),
  cap_add: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  healthcheck: z.object({ disable: z.boolean().optional() }).optional(),
  volumes: z.array(z.object({ source: z.string().optional(), target: z.string() })).default([]),
  pid: z.string().optional(),
})
const Rendered = z.object({ services: z.record(z.string(), Service) })
export type Rendered = z.output<typeof Rendered>

export interface Finding {
  readonly check: string
  readonly ok: boolean
  readonly detail: string
}

const NINE = [
  'cert-writer',
  'db',
  'nginx-federation',
  'pgbouncer',
  'redis',
  'registry',
  'spire-agent',
  'teg-db',
  'teg-layer',
]
const PUBLISHED = ['nginx-federation:8443', 'registry:8000']
/** Where a right is needed, and why: see compose.yaml. */
const ADDED: Readonly<Record<string, readonly string[]>> = { 'spire-agent': ['DAC_READ_SEARCH'] }
const HOST_PID = ['spire-agent']

/** Each rule with what it found. */
export function judgeTopology({ services }: Rendered): Finding[] {
  const entries = Object.entries(services)
  const finding = (check: string, wrong: readonly string[], good: string): Finding => ({
    check,
    ok: wrong.length === 0,
    detail: wrong.length === 0 ? good : wrong.join(', '),
  })
  const names = entries.map(([name]) => name).sort()
  const published = entries
    .flatMap(([name, { ports }]) => ports.map(({ target }) => `${name}:${target}`))
    .sort()
  const networks = [...new Set(entries.flatMap(([, { networks: on }]) => Object.keys(on ?? {})))]
  const lacking = (test: (service: z.output<typeof Service>, name: string) => boolean) =>
    entries.filter(([name, service]) => !test(service, name)).map(([name]) => name)
  return [
    finding(
      'nine containers',
      [
        ...NINE.filter((name) => !names.includes(name)).map((name) => `${name} is missing`),
        ...names.filter((name) => !NINE.includes(name)).map((name) => `${name} is one more`),
      ],
      NINE.join(', '),
    ),
    finding(
      'two published ports',
      [
        ...published.filter((port) => !PUBLISHED.includes(port)),
        ...PUBLISHED.filter((port) => !published.includes(port)).map((port) => `${port} is not published`),
      ],
      published.join(', '),
    ),
    finding(
      'one network',
      networks.length === 1 ? [] : networks.length === 0 ? ['none'] : networks,
      networks.join(', '),
    ),
    finding(
      'own network stacks',
      lacking(({ network_mode: mode }) => mode === undefined),
      'no network_mode',
    ),
    finding(
      'no Docker socket',
      lacking(({ volumes }) =>
        volumes.every(({ source = '', target }) => !/docker\.sock/.test(source + target)),
      ),
      'mounted nowhere',
    ),
    finding(
      'not privileged',
      lacking(({ privileged }) => privileged !== true),
      'none is',
    ),
    finding(
      'read-only images',
      lacking((service) => service.read_only === true),
      'all',
    ),
    finding(
      'no capabilities',
      lacking(({ cap_drop }) => cap_drop.includes('ALL')),
      'all dropped',
    ),
    finding(
      'capabilities given back',
      lacking(({ cap_add }, name) => cap_add.every((one) => ADDED[name]?.includes(one))),
      'only DAC_READ_SEARCH of spire-agent',
    ),
    finding(
      'no new privileges',
      lacking(({ security_opt }) => security_opt.some((one) => /^no-new-privileges(:true)?$/.test(one))),
      'all',
    ),
    finding(
      'own process spaces',
      lacking(({ pid }, name) => pid === undefined || HOST_PID.includes(name)),
      'but spire-agent',
    ),
    finding(
      'health checks',
      lacking(({ healthcheck }) => healthcheck !== undefined && !healthcheck.disable),
      'all',
    ),
  ]
}

const topology: Command = async (args, { print, read }) => {
  const { flags } = readArgs(args, [], ['json'])
  const text = await read()
  if (text.trim() === '')
    throw new UsageError(
      'operate topology reads what Compose renders:\n  docker compose --env-file .env.operator config --format json | operate topology',
    )
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw new UsageError('The input is no JSON: give `docker compose ... config --format json`')
  }
  const rendered = Rendered.safeParse(parsed)
  if (!rendered.success)
    throw new UsageError('The input is not what `docker compose ... config --format json` prints')
  const findings = judgeTopology(rendered.data)
  const ok = findings.every((finding) => finding.ok)
  if (flags.has('json')) print(JSON.stringify({ ok, findings }))
  else
    for (const { ok: good, check, detail } of findings) print(`${good ? 'ok  ' : 'FAIL'} ${check}: ${detail}`)
  return ok ? 0 : 1
}
export default topology
