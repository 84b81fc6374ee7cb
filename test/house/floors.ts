/** The floors as data: imports point down only. ARCHITECTURE.md shows the same table. */

export interface Floor {
  readonly name: string
  /** The files that stand on it. */
  readonly files: RegExp
  /** The files of other floors that they may import, beside the rules of `judge`. */
  readonly may: readonly RegExp[]
  /** The same in the words of ARCHITECTURE.md. */
  readonly words: string
  /** Packages that they may import; absent: any. */
  readonly packages?: RegExp
}

const base = /^core\/base\//
const platform = /^core\/platform\//
const wire = /^core\/wire\//
const serviceRoot = /^core\/(registry|teg|event-store)\/[^/]+$/
const domain = /^core\/(registry|teg|event-store)\/[^/]+\//
const runtime = /^core\/runtime\//
const tables = /^(functions\/index|functions\/reactors\/index|schedules\/index)\.ts$/
const host = /^containers\/function-host\//
/** What an entry file takes of a domain: its verbs and shapes, never its rules or statements. */
const verbs =
  /^core\/(registry|teg|event-store)\/[^/]+\/(?:[^/]+\/)*(?!(rules|queries|[a-z-]+-queries)\.ts$)[^/]+$/

/** Packages without input and output. */
const pure =
  /^(zod|canonicalize|ipaddr\.js|node:(crypto|buffer|util|net|zlib|async_hooks)|jose|@node-rs\/argon2)$/

/** From the ground up. */
export const floors: readonly Floor[] = [
  {
    name: 'core/base',
    files: base,
    may: [/^package\.json$/],
    words: 'nothing of ours but the version in package.json; no I/O, clock or random',
    packages: /^(zod|canonicalize|node:(crypto|buffer|net|util))$/,
  },
  { name: 'core/platform', files: platform, may: [base], words: 'base; no business words' },
  {
    name: 'core/wire',
    files: wire,
    may: [base],
    words: 'base: the shapes that two services share',
    packages: /^zod$/,
  },
  {
    name: 'core/<service>',
    files: serviceRoot,
    may: [base, platform, wire],
    words: 'base, platform, wire, its own service: context, clients of other services, migrations',
  },
  {
    name: 'core/<service>/<domain>',
    files: domain,
    may: [base, platform, wire],
    words: "base, platform, wire, its own folder, its service's root, a sibling's reading verbs (no loops)",
    packages: pure,
  },
  {
    name: 'core/runtime',
    files: runtime,
    may: [base, platform, wire, domain, serviceRoot],
    words: 'the floors below',
  },
  {
    name: 'core/faas',
    files: /^core\/faas\//,
    may: [base, platform, wire, serviceRoot, domain, runtime],
    words: 'the floors below, never a table: a bundle holds one line of one',
  },
  {
    name: 'tables',
    files: tables,
    may: [serviceRoot, /^core\/runtime\/define-/, /^functions\/[^/]+\/[^/]+$/, /^schedules\/[^/]+$/],
    words: "runtime's define-*, contexts, and each line's own file (lazily)",
    packages: /^$/,
  },
  {
    name: 'functions, schedules',
    files: /^(functions|schedules)\//,
    may: [base, wire, serviceRoot, verbs, /^core\/runtime\/define-/],
    words: "base, wire, contexts, runtime's define-*, domain verbs, schemas and errors; never each other",
    packages: /^zod$/,
  },
  {
    name: 'containers/function-host',
    files: host,
    may: [/^core\//, tables, /^package\.json$/],
    words: 'the three tables, core, and the version in package.json',
  },
  {
    name: 'containers/cert-writer, containers/operate',
    files: /^containers\/(cert-writer|operate)\//,
    may: [
      base,
      platform,
      wire,
      runtime,
      /^core\/[a-z-]+\/migrations\.generated\.ts$/,
      host,
      /^package\.json$/,
    ],
    words: 'base, platform, wire, runtime, the baked migrations, the host: programs beside it',
  },
  {
    name: 'stacks',
    files: /^(stacks\/|sst\.config\.ts$)/,
    may: [/^core\//, tables, /^package\.json$/],
    words: 'the three tables and core; what it deploys it names by path',
  },
  {
    name: 'scripts',
    files: /^scripts\//,
    may: [/^core\//, tables, host, /^stacks\//],
    words: 'the tables as data, core, the host, stacks: tools of the developer',
  },
  { name: 'sdk', files: /^sdk\//, may: [], words: 'nothing of ours', packages: /^$/ },
]

/** Files of a sibling that read; then those that write into, or take rows out in, the transaction of whoever calls them. */
const reading = /\/((read|list|find)-[a-z0-9-]+|schema|errors)\.ts$/
const open =
  /^core\/registry\/(keys\/|idempotency\/|(discovery\/index-card|mail\/(queue-mail|forget-mails)|webhooks\/forget-webhooks|audit\/record-act)\.ts$)/

export interface Exception {
  readonly from: string
  readonly to: string
  readonly reason: string
}
/** Ties that the rules refuse and that stand for a reason. An exception that is not used fails. */
export const exceptions: readonly Exception[] = [
  {
    from: 'core/registry/settings/rules.ts',
    to: 'core/platform/config.ts',
    reason: 'a setting and the key of the environment behind it share their bounds',
  },
  {
    from: 'core/registry/grants/attempt-grants.ts',
    to: 'core/registry/transfers/open-accounts.ts',
    reason: 'pure: the commands that must precede any command for an agent, in one place',
  },
  {
    from: 'core/teg/ledger/check-ready.ts',
    to: 'core/teg/fees/queries.ts',
    reason: 'the gate is ready when there is a fee snapshot to pick',
  },
  {
    from: 'core/teg/supply/read-books.ts',
    to: 'core/teg/outbox/queries.ts',
    reason:
      'the books are read at a snapshot whose last event has a number: it is given in the same transaction',
  },
  {
    from: 'core/teg/outbox/queries.ts',
    to: 'core/teg/ledger/queries.ts',
    reason: "type only: the outbox numbers the ledger's rows",
  },
]

const floorOf = (path: string): Floor | undefined => floors.find((floor) => floor.files.test(path))
const serviceOf = (path: string): string | undefined => /^core\/([a-z-]+)\//.exec(path)?.[1]
/** `core/registry/agents` of a file in a domain. */
export const domainOf = (path: string): string | undefined =>
  domain.test(path) ? path.split('/').slice(0, 3).join('/') : undefined

/** What a rule may not see, itself or by way of a file that it imports: statements, ports, other domains' verbs. */
export const isImpure = (from: string, to: string): boolean =>
  /(^|\/)([a-z-]+-)?queries\.ts$/.test(to) ||
  !(
    base.test(to) ||
    wire.test(to) ||
    domainOf(from) === domainOf(to) ||
    /\/(schema|errors|rules)\.ts$/.test(to)
  )

/** What is wrong with one import, or null. */
export function judge(from: string, to: string): string | null {
  const floor = floorOf(from)
  if (!floor) return `${from} stands on no floor`
  if (floor.name === 'core/<service>/<domain>') {
    const name = from.split('/').at(-1)
    if (name === 'rules.ts' && isImpure(from, to))
      return `${from} imports ${to}: rules see base, wire and the pure files of their own folder`
    if (domainOf(from) === domainOf(to)) return null
    if (serviceOf(from) === serviceOf(to) && (serviceRoot.test(to) || reading.test(to) || open.test(to)))
      return null
  } else if (floor.name === 'core/<service>') {
    if (serviceOf(from) === serviceOf(to)) return null
  } else if (floor.name !== 'functions, schedules' && floor.name !== 'tables' && floor.files.test(to))
    return null
  if (floor.may.some((allowed) => allowed.test(to))) return null
  return `${from} imports ${to}: ${floor.name} may import ${floor.words}`
}

/** What is wrong with one import of a package, or null. */
export function judgePackage(from: string, name: string): string | null {
  const floor = floorOf(from)
  if (!floor?.packages || floor.packages.test(name)) return null
  return `${from} imports ${name}: not a package of ${floor.name}`
}
