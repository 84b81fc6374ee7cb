/** Reads imports out of source text, type-only and dynamic ones included, and finds circles among files. */
import { posix } from 'node:path'
import { codeOnly, stringsOf } from './lex.ts'
import type { Source } from './sources.ts'

/** Specifiers of every `import`, `import type`, `export ... from` and `import()` in a text. */
export function importsOf(text: string): string[] {
  const code = codeOnly(text)
  const specifiers = stringsOf(text).filter(({ start }) =>
    /\b(?:from|import|import\s*\()$/.test(code.slice(Math.max(0, start - 200), start).trimEnd()),
  )
  return [...new Set(specifiers.map(({ value }) => value))]
}

const aliases: readonly [string, string][] = [
  ['#core/', 'core/'],
  ['#functions/', 'functions/'],
  ['#schedules/', 'schedules/'],
  ['#host/', 'containers/function-host/'],
  ['#test/', 'test/'],
]

/** The project path that a specifier names; null for a package. */
export function resolveImport(from: string, specifier: string): string | null {
  if (specifier.startsWith('.')) return posix.join(posix.dirname(from), specifier)
  for (const [alias, folder] of aliases)
    if (specifier.startsWith(alias)) return folder + specifier.slice(alias.length)
  return null
}

export interface Imports {
  /** Project files that a file names. */
  readonly ours: ReadonlyMap<string, readonly string[]>
  /** Packages that a file names. */
  readonly packages: ReadonlyMap<string, readonly string[]>
}

export function readImports(sources: readonly Source[]): Imports {
  const ours = new Map<string, string[]>()
  const packages = new Map<string, string[]>()
  for (const { path, text } of sources) {
    const specifiers = importsOf(text)
    ours.set(
      path,
      specifiers.flatMap((specifier) => resolveImport(path, specifier) ?? []),
    )
    packages.set(
      path,
      specifiers.filter((specifier) => resolveImport(path, specifier) === null),
    )
  }
  return { ours, packages }
}

/** Groups of nodes that reach each other (Tarjan), each sorted; a node that names itself is one too. */
export function findCircles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: string[] = []
  const circles: string[][] = []
  const visit = (node: string): void => {
    index.set(node, index.size)
    low.set(node, index.get(node) ?? 0)
    stack.push(node)
    for (const next of graph.get(node) ?? []) {
      if (!index.has(next)) {
        visit(next)
        low.set(node, Math.min(low.get(node) ?? 0, low.get(next) ?? 0))
      } else if (stack.includes(next)) low.set(node, Math.min(low.get(node) ?? 0, index.get(next) ?? 0))
    }
    if (low.get(node) !== index.get(node)) return
    const group = stack.splice(stack.indexOf(node))
    if (group.length > 1 || graph.get(node)?.includes(node)) circles.push(group.sort())
  }
  for (const node of graph.keys()) if (!index.has(node)) visit(node)
  return circles
}
