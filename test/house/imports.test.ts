/** Holds the floors: every import points down, nothing goes round in circles. */
import { describe, expect, test } from 'vitest'
import { domainOf, exceptions, floors, isImpure, judge, judgePackage } from './floors.ts'
import { findCircles, importsOf, readImports, resolveImport } from './imports.ts'
import { codeFolders, readSource, readSources } from './sources.ts'

const sources = readSources(codeFolders)
const { ours, packages } = readImports(sources)
const ties = [...ours].flatMap(([from, targets]) => targets.map((to) => ({ from, to })))
const isExcepted = (from: string, to: string) =>
  exceptions.some((exception) => exception.from === from && exception.to === to)

/** Domain -> domains that it reads. */
function domainGraph(pairs: readonly { from: string; to: string }[]): Map<string, string[]> {
  const graph = new Map<string, string[]>()
  for (const { from, to } of pairs) {
    const [source, target] = [domainOf(from), domainOf(to)]
    if (!source || !target || source === target) continue
    graph.set(source, [...(graph.get(source) ?? []), target])
    if (!graph.has(target)) graph.set(target, [])
  }
  return graph
}

/** Ties to impure files that a rules.ts reaches inside its own folder: [file, what it imports]. */
function impureReach(graph: ReadonlyMap<string, readonly string[]>): [string, string][] {
  const found: [string, string][] = []
  for (const rules of [...graph.keys()].filter((path) => path.endsWith('/rules.ts'))) {
    const seen = new Set([rules])
    for (const file of seen)
      for (const next of graph.get(file) ?? []) {
        if (isImpure(file, next)) found.push([file, next])
        else if (domainOf(next) === domainOf(rules)) seen.add(next)
      }
  }
  return found
}

describe('the import scanner', () => {
  test('sees plain, type-only, re-exported, side-effect and dynamic imports', () => {
    const text = [
      "import { a,\n  type B } from './a.ts'",
      "import type { C } from '#core/base/c.ts'",
      "export { d } from './d.ts'",
      "export type * from './e.ts'",
      "import './f.ts'",
      "const g = await import('./g.ts')",
      "type H = import('./h.ts').H",
      "import i, * as j from 'zod'",
    ].join('\n')
    expect(importsOf(text)).toEqual([
      './a.ts',
      '#core/base/c.ts',
      './d.ts',
      './e.ts',
      './f.ts',
      './g.ts',
      './h.ts',
      'zod',
    ])
  })

  test('does not take comments, strings, templates and regular expressions for imports', () => {
    const text = [
      "// import { a } from './a.ts'",
      "/* import './b.ts' */",
      'const c = "import { x } from \'./c.ts\'"',
      `const d = \`import \${name} from './d.ts'\``,
      "const e = /import '/.test(x) ? Array.from('./e.ts') : null",
    ].join('\n')
    expect(importsOf(text)).toEqual([])
  })

  test('resolves aliases and relative paths, and leaves packages alone', () => {
    expect(resolveImport('core/registry/agents/read-agent.ts', '../context.ts')).toBe(
      'core/registry/context.ts',
    )
    expect(resolveImport('functions/index.ts', '#core/base/errors.ts')).toBe('core/base/errors.ts')
    expect(resolveImport('core/base/errors.ts', 'node:crypto')).toBeNull()
  })

  test('follows rules into the files that they import', () => {
    const graph = new Map([
      ['core/registry/a/rules.ts', ['core/registry/a/split-words.ts', 'core/base/ids.ts']],
      ['core/registry/a/split-words.ts', ['core/registry/a/queries.ts', 'core/platform/log.ts']],
    ])
    expect(impureReach(graph)).toEqual([
      ['core/registry/a/split-words.ts', 'core/registry/a/queries.ts'],
      ['core/registry/a/split-words.ts', 'core/platform/log.ts'],
    ])
  })

  test('finds a circle of three files and a file that imports itself', () => {
    const graph = new Map([
      ['a', ['b']],
      ['b', ['c']],
      ['c', ['a', 'd']],
      ['d', []],
      ['e', ['e']],
    ])
    expect(findCircles(graph)).toEqual([['a', 'b', 'c'], ['e']])
  })
})

describe('the floors', () => {
  test.each([
    ['core/base/errors.ts', 'core/platform/log.ts'],
    ['core/platform/context.ts', 'core/registry/context.ts'],
    ['core/wire/teg.ts', 'core/platform/context.ts'],
    ['core/registry/agents/publish-agent.ts', 'core/runtime/define-function.ts'],
    ['core/registry/agents/publish-agent.ts', 'core/teg/ledger/post-transfers.ts'],
    ['core/registry/agents/publish-agent.ts', 'core/registry/accounts/queries.ts'],
    ['core/registry/agents/publish-agent.ts', 'core/registry/accounts/register-account.ts'],
    ['core/registry/agents/rules.ts', 'core/registry/agents/queries.ts'],
    ['core/registry/agents/rules.ts', 'core/platform/context.ts'],
    ['core/runtime/compose-app.ts', 'functions/index.ts'],
    ['functions/registry/agents.ts', 'core/registry/agents/queries.ts'],
    ['functions/registry/agents.ts', 'core/registry/agents/rules.ts'],
    ['functions/registry/agents.ts', 'core/platform/database/pg.ts'],
    ['functions/registry/agents.ts', 'core/runtime/compose-app.ts'],
    ['functions/registry/agents.ts', 'functions/registry/auth.ts'],
    ['schedules/pay-grants.ts', 'functions/registry/auth.ts'],
    ['containers/function-host/main.ts', 'functions/registry/auth.ts'],
    ['sdk/src/client.ts', 'core/base/errors.ts'],
    ['attic/thing.ts', 'core/base/errors.ts'],
  ])('refuse that %s imports %s', (from, to) => {
    expect(judge(from, to)).toContain(from)
  })

  test.each([
    ['core/registry/agents/publish-agent.ts', 'core/registry/accounts/read-account.ts'],
    ['core/registry/agents/publish-agent.ts', 'core/registry/context.ts'],
    ['core/registry/agents/publish-agent.ts', 'core/registry/discovery/index-card.ts'],
    ['core/registry/agents/rules.ts', 'core/registry/agents/schema.ts'],
    ['functions/registry/agents.ts', 'core/registry/agents/publish-agent.ts'],
    ['functions/index.ts', 'functions/registry/agents.ts'],
  ])('allow that %s imports %s', (from, to) => {
    expect(judge(from, to)).toBeNull()
  })

  test('refuse a package that reaches the network or the disk outside the platform', () => {
    expect(judgePackage('core/base/errors.ts', 'node:fs')).toContain('node:fs')
    expect(judgePackage('core/registry/agents/read-agent.ts', 'undici')).toContain('undici')
    expect(judgePackage('functions/registry/agents.ts', 'hono')).toContain('hono')
    expect(judgePackage('core/platform/database/pg.ts', 'pg')).toBeNull()
  })
})

describe('the code', () => {
  test('imports downwards only', () => {
    const faults = ties.filter(({ from, to }) => !isExcepted(from, to)).map(({ from, to }) => judge(from, to))
    expect(faults.filter((fault) => fault !== null)).toEqual([])
  })

  test('uses every exception that it is granted', () => {
    const stale = exceptions.filter(
      ({ from, to }) => judge(from, to) === null || !ties.some((tie) => tie.from === from && tie.to === to),
    )
    expect(stale).toEqual([])
  })

  test('has rules that see nothing impure, not by way of others either', () => {
    expect(impureReach(ours).filter(([from, to]) => !isExcepted(from, to))).toEqual([])
  })

  test('uses on each floor only the packages that belong there', () => {
    const faults = [...packages].flatMap(([from, names]) => names.map((name) => judgePackage(from, name)))
    expect(faults.filter((fault) => fault !== null)).toEqual([])
  })

  test('has no circle of files, type-only imports included', () => {
    // The tables load their lines lazily and are imported by none of them.
    expect(findCircles(ours)).toEqual([])
  })

  test('has no loop of domains', () => {
    expect(findCircles(domainGraph(ties))).toEqual([])
  })

  test('names only files that exist', () => {
    const known = new Set(
      readSources(['core', 'functions', 'schedules', 'containers', 'sdk', 'scripts', 'stacks', 'test']).map(
        ({ path }) => path,
      ),
    )
    const missing = ties.filter(({ to }) => to.endsWith('.ts') && !known.has(to))
    expect(missing).toEqual([])
  })

  test('is drawn in ARCHITECTURE.md as in the table', () => {
    const { text } = readSource('ARCHITECTURE.md')
    const missing = floors.filter(({ name, words }) => !text.includes(`| \`${name}\` | ${words} |`))
    expect(missing.map(({ name }) => name)).toEqual([])
  })
})
