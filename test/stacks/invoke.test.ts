import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { fillEvent, findEntry, listFunctions, Misused, readInvocation } from '../../scripts/invoke.ts'
import { listEntries } from '../../stacks/list-entries.ts'

const folder = mkdtempSync(join(tmpdir(), 'ninefold-events-'))
afterAll(() => rmSync(folder, { recursive: true }))
const fileOf = (name: string, text: string): string => {
  const file = join(folder, name)
  writeFileSync(file, text)
  return file
}
const run = (...args: string[]) => {
  const env = { PATH: process.env.PATH }
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/invoke.ts', ...args], {
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}
const refusalOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    expect(error).toBeInstanceOf(Misused)
    return (error as Error).message
  }
  throw new Error('it was not refused')
}

describe('npm run invoke', () => {
  test.each([
    ['discovery', 'registry-discovery'],
    ['registry-discovery', 'registry-discovery'],
    ['teg-ledger', 'teg-ledger'],
    ['pages', 'registry-pages'],
    ['task-retention', 'task-retention'],
    ['reactor-index-agents', 'reactor-index-agents'],
  ])('knows %s as %s', (name, entry) => expect(findEntry(name).name).toBe(entry))

  test.each([
    ['trasfers', 'Did you mean transfers?'],
    ['discovry', 'Did you mean discovery?'],
    ['retention', 'Did you mean task-retention?'],
    ['index-agents', 'Did you mean reactor-index-agents?'],
  ])('names what is near to %s', (name, words) => {
    expect(refusalOf(() => findEntry(name))).toContain(words)
  })

  test('lists every function, and guesses none for a name like no other', () => {
    const words = refusalOf(() => findEntry('zzzzzzzz'))
    expect(words).toBe(`There is no function zzzzzzzz.\n\n${listFunctions()}`)
    for (const { name } of listEntries()) expect(words).toContain(name.replace(/^registry-/, ''))
  })

  test.each([
    [
      'no file for a function that answers requests',
      'transfers',
      undefined,
      /"path": "\/api\/v1\/transfers"/,
    ],
    [
      'a file that is not there',
      'transfers',
      '/nowhere/event.json',
      /nowhere\/event\.json can't be read: ENOENT/,
    ],
    ['a file that is no JSON', 'transfers', '{"path": ', /is no JSON: /],
    ['JSON that is no request', 'transfers', '{"method": "GET"}', /neither "path" nor "requestContext"/],
    ['JSON that is no object', 'transfers', 'null', /neither "path" nor "requestContext"/],
    ['a file that is no JSON for a task', 'task-retention', 'x', /is no JSON: /],
  ])('refuses %s', (what, name, text, words) => {
    const file = text?.startsWith('/') || text === undefined ? text : fileOf(`${what}.json`, text)
    expect(refusalOf(() => readInvocation(findEntry(name), file))).toMatch(words)
  })

  test('a task needs no event', () =>
    expect(readInvocation(findEntry('task-retention'), undefined)).toEqual({}))

  test.each([
    [{ path: '/a?b=c' }, { rawPath: '/a', rawQueryString: 'b=c', method: 'GET', body: undefined }],
    [
      { path: '/a', body: { n: 1 } },
      { rawPath: '/a', rawQueryString: '', method: 'POST', body: '{"n":1}' },
    ],
    [
      { path: '/a', method: 'PUT', body: 'text' },
      { rawPath: '/a', rawQueryString: '', method: 'PUT', body: 'text' },
    ],
  ])('fills %j up to an event of a gateway', (event, { method, ...wanted }) => {
    expect(fillEvent(event)).toMatchObject({
      ...Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)),
      requestContext: { http: { method } },
    })
  })

  test('an event of a gateway is taken as it is', () => {
    const event = { requestContext: { http: {} }, path: '/x' }
    expect(fillEvent(event)).toBe(event)
  })

  test('ends with 2 and words without a trace when it was asked wrongly', () => {
    for (const args of [[], ['nothing'], ['transfers'], ['a', 'b', 'c']]) {
      const { status, stdout, stderr } = run(...args)
      expect([status, stdout], args.join()).toEqual([2, ''])
      expect(stderr).not.toMatch(/\n {4}at /)
    }
    expect(run().stderr).toMatch(/^usage: npm run invoke -- <function> \[event\.json\]\n\n {2}doors /)
  })

  test('ends with 1 and the faults when the configuration has some, with 0 and the result of the handler otherwise', () => {
    const task = run('task-retention')
    expect([task.status, task.stderr]).toEqual([1, expect.stringMatching(/^The configuration has \d fault/)])
    expect(task.stderr).toContain('DATABASE_URL')
    const pages = run('pages', fileOf('pages.json', '{"path": "/openapi.json"}'))
    expect(pages.status).toBe(0)
    expect(JSON.parse(pages.stdout)).toMatchObject({ statusCode: 200, isBase64Encoded: false })
  })
})
