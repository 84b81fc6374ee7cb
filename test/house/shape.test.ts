/** Holds sizes, names, headers and the words that have no place in the code. */
import { describe, expect, test } from 'vitest'
import {
  badNames,
  banned,
  FILES_MAX,
  fullFolders,
  headless,
  impureRules,
  LINES_MAX,
  longFiles,
} from './shape.ts'
import { codeFolders, isGenerated, listFiles, readSource, readSources } from './sources.ts'

const written = readSources([...codeFolders, 'test']).filter(({ path }) => !isGenerated(path))
const code = written.filter(({ path }) => !path.startsWith('test/'))
const documents = listFiles('').filter((path) =>
  /^[^/]+\.md$|^docs\/|^\.ci\/|^containers\/.*\.(md|yaml|conf)$/.test(path),
)
/** The house tests hold samples of what is banned. */
const samples = /^test\/(?:house|vectors)\//

describe('the judges of shape', () => {
  test('count lines and files', () => {
    const source = (lines: number) => [{ path: 'a.ts', text: 'x\n'.repeat(lines) }]
    expect(longFiles(source(LINES_MAX))).toEqual([])
    expect(longFiles(source(LINES_MAX + 1))).toEqual([`a.ts: ${LINES_MAX + 1} lines`])
    const files = (count: number) => Array.from({ length: count }, (_, at) => `core/a/${at}.ts`)
    expect(fullFolders(files(FILES_MAX))).toEqual([])
    expect(fullFolders(files(FILES_MAX + 1))).toEqual([`core/a: ${FILES_MAX + 1}`])
  })

  test('refuse drawers and names that are not kebab-case', () => {
    const bad = [
      'core/utils/a.ts',
      'core/a/types.ts',
      'core/a/agent-helpers.ts',
      'core/a/readAgent.ts',
      'core/shared/b.ts',
    ]
    expect(
      badNames([...bad, 'core/a/read-agent.ts', 'core/a/service-token.ts', 'core/migrations.generated.ts']),
    ).toEqual(bad)
  })

  test('want a header sentence', () => {
    const text = (first: string) => [{ path: 'a.ts', text: `${first}\nexport const a = 1\n` }]
    expect(headless(text('/** Reads an agent. */'))).toEqual([])
    expect(headless(text('/**\n * Reads an agent.\n */'))).toEqual([])
    expect(headless(text("import { b } from './b.ts'"))).toEqual(['a.ts'])
  })

  test.each([
    ['core/registry/agents/a.ts', 'const home = process.env.HOME'],
    ['functions/registry/a.ts', 'export const f = (c) => c.env.KEY'],
    ['core/registry/agents/a.ts', 'const at = Date.now()'],
    ['core/registry/agents/a.ts', 'const at = new Date()'],
    ['core/registry/agents/a.ts', 'const dice = Math.random()'],
    ['core/registry/agents/a.ts', 'const id = crypto.randomUUID()'],
    ['scripts/a.ts', 'const a: any = 1'],
    ['scripts/a.ts', 'const f = (a: any, b: string) => b'],
    ['scripts/a.ts', 'const a = b as any'],
    ['scripts/a.ts', 'const a: any[] = []'],
    ['scripts/a.ts', "console.log('a')"],
    ['test/a.test.ts', "test.only('a', () => {})"],
    ['test/a.test.ts', "vi.mock('./a.ts')"],
    ['core/a/b.ts', 'export enum A { b }'],
    ['core/a/b.ts', `// ${'TO'}${'DO'}: later`],
    ['core/a/b.ts', `const a = '${'/ho'}${'me/'}me'`],
  ])('refuse in %s: %s', (path, text) => {
    expect(banned([{ path, text }])).toHaveLength(1)
  })

  test.each([
    ['core/registry/agents/a.ts', '// process.env and Date.now() are for the host'],
    ['core/registry/agents/a.ts', 'const at = new Date(row.time)'],
    ['core/registry/agents/a.ts', "const any = 'any: as any'"],
    ['containers/function-host/main.ts', 'process.exitCode = 1'],
    ['core/platform/context.ts', 'export const systemClock = { now: () => new Date() }'],
  ])('allow in %s: %s', (path, text) => {
    expect(banned([{ path, text }])).toEqual([])
  })

  test('refuse rules that wait', () => {
    expect(impureRules([{ path: 'core/a/b/rules.ts', text: 'export async function f() {}' }])).toHaveLength(1)
    expect(impureRules([{ path: 'core/a/b/rules.ts', text: '// async\nexport const f = 1' }])).toEqual([])
  })
})

describe('the code', () => {
  test(`keeps hand-written files within ${LINES_MAX} lines`, () => {
    expect(longFiles(written)).toEqual([])
  })

  test(`keeps folders within ${FILES_MAX} files`, () => {
    expect(fullFolders(written.map(({ path }) => path))).toEqual([])
  })

  test('names files by verb or noun, in kebab-case, in no drawer', () => {
    expect(badNames(written.map(({ path }) => path))).toEqual([])
  })

  test('opens every file with a sentence that says what it is for', () => {
    expect(headless(code)).toEqual([])
  })

  test('holds nothing that is banned', () => {
    expect(banned(written.filter(({ path }) => !samples.test(path)))).toEqual([])
    expect(banned(documents.map(readSource))).toEqual([])
  })

  test('has rules that do not wait', () => {
    expect(impureRules(code)).toEqual([])
  })
})
