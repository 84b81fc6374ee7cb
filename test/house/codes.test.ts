/** Holds that every error code is declared once, with one status, and claimed by a test. */
import { describe, expect, test } from 'vitest'
import { addTable, type Code, collectCodes, listErrorFiles } from '../../scripts/collect-codes.ts'
import { readSource, readSources } from './sources.ts'

/** Codes whose name no test of behaviour holds. */
function unclaimed(codes: readonly string[], tests: readonly string[]): string[] {
  return codes.filter((code) => !tests.some((text) => new RegExp(`\\b${code}\\b`).test(text)))
}

const codes = await collectCodes()
const tests = readSources(['test'])
  .filter(({ path }) => !/^test\/(?:house|support|sdk|bench)\//.test(path))
  .map(({ text }) => text)

describe('the collector of codes', () => {
  test('refuses one code with two statuses', () => {
    const known = new Map<string, Code>()
    addTable(known, 'a.ts', { slug_taken: { status: 409, title: 'Taken' } })
    addTable(known, 'b.ts', { slug_taken: { status: 409, title: 'Taken' } })
    expect(known.get('slug_taken')?.files).toEqual(['a.ts', 'b.ts'])
    expect(() => addTable(known, 'c.ts', { slug_taken: { status: 422, title: 'Taken' } })).toThrow(
      'slug_taken',
    )
  })

  test('takes a code for claimed only by its whole name', () => {
    expect(unclaimed(['slug_taken'], ["test('answers 409 slug_taken', ...)"])).toEqual([])
    expect(unclaimed(['slug_taken'], ["test('answers 409 slug_taken_twice', ...)"])).toEqual(['slug_taken'])
  })

  test('sees the codes of each file that declares some', () => {
    for (const file of listErrorFiles())
      expect(
        codes.some(({ files }) => files.includes(file)),
        file,
      ).toBe(true)
  })
})

describe('every error code', () => {
  test('is snake_case with a status from 400 to 599 and words that end without a full stop', () => {
    const odd = codes.filter(
      ({ code, status, title }) =>
        !/^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/.test(code) ||
        status < 400 ||
        status > 599 ||
        !/^[A-Z].*[^.]$/.test(title),
    )
    expect(odd).toEqual([])
  })

  test('is claimed by a test', () => {
    expect(
      unclaimed(
        codes.map(({ code }) => code),
        tests,
      ),
    ).toEqual([])
  })

  test('is thrown from its table: no code in a Problem is spelt by hand', () => {
    const strays = readSources(['core', 'functions', 'schedules'])
      .filter(({ path, text }) => path !== 'core/base/errors.ts' && /\bnew Problem\(\s*['"`]/.test(text))
      .map(({ path }) => path)
    expect(strays).toEqual([])
  })

  test('stands in the union of the SDK', () => {
    const { text } = readSource('sdk/src/codes.generated.ts')
    for (const { code, status } of codes) expect(text).toContain(`  ${code}: ${status},`)
  })
})
