/** Holds the three tables: every entry file has its line, every line its file. */
import { describe, expect, test } from 'vitest'
import * as doors from '#functions/index.ts'
import { reactions } from '#functions/reactors/index.ts'
import { timetable } from '#schedules/index.ts'
import { importsOf } from './imports.ts'
import { listFiles, readSource } from './sources.ts'

/** Files without a line, and lines without a file; paths are relative to the table's folder. */
function compareTable(text: string, files: readonly string[]): { files: string[]; lines: string[] } {
  const lines = importsOf(text)
    .filter((specifier) => specifier.startsWith('./'))
    .map((specifier) => specifier.slice(2))
  return {
    files: files.filter((file) => !lines.includes(file)),
    lines: lines.filter((line) => !files.includes(line)),
  }
}

const filesUnder = (folder: string, but: RegExp): string[] =>
  listFiles(folder)
    .map((path) => path.slice(folder.length + 1))
    .filter((path) => path.endsWith('.ts') && !but.test(path))

const allDoors = Object.values(doors).flatMap((table) => Object.entries(table))

describe('the comparer of tables', () => {
  test('tells a file without a line and a line without a file', () => {
    const text =
      "export const t = { a: { load: () => import('./a.ts') }, b: { load: () => import('./b.ts') } }"
    expect(compareTable(text, ['a.ts', 'c.ts'])).toEqual({ files: ['c.ts'], lines: ['b.ts'] })
  })
})

describe('the doors', () => {
  test('have a line for every file and a file for every line', () => {
    const files = filesUnder('functions', /^index\.ts$|^reactors\//)
    expect(compareTable(readSource('functions/index.ts').text, files)).toEqual({ files: [], lines: [] })
  })

  test.each(allDoors)(
    '%s loads a group whose file stands in its service and whose rows are whole',
    async (_name, door) => {
      const { default: group } = await door.load()
      expect(door.load.toString()).toMatch(new RegExp(`/${door.service}/[a-z0-9-]+\\.ts`))
      expect(group.tag).toMatch(/^[a-z0-9-]+$/)
      for (const row of group.rows) {
        expect(row.path, `${row.method} ${row.path}`).toMatch(/^\//)
        expect(row.spec.summary.length, `${row.method} ${row.path}`).toBeGreaterThan(5)
        const statesReply = row.spec.reply !== undefined || row.spec.raw !== undefined
        expect(
          statesReply || (row.spec.status ?? 204) === 204,
          `${row.method} ${row.path} says what it replies`,
        ).toBe(true)
        if (row.spec.scope !== undefined) expect(row.spec.scope).toMatch(/^[a-z]+:(?:read|write)$/)
      }
    },
  )

  test('have no two rows with the same method and path in one service', async () => {
    const seen = new Set<string>()
    const twice: string[] = []
    for (const [, door] of allDoors)
      for (const { method, path } of (await door.load()).default.rows) {
        const route = `${door.service} ${method} ${door.prefix}${path.replace(/:[a-z_]+/g, ':')}`
        if (seen.has(route)) twice.push(route)
        seen.add(route)
      }
    expect(twice).toEqual([])
  })
})

describe('the timetable', () => {
  test('has a line for every file and a file for every line', () => {
    const files = filesUnder('schedules', /^index\.ts$/)
    expect(compareTable(readSource('schedules/index.ts').text, files)).toEqual({ files: [], lines: [] })
  })

  test('names tasks in kebab-case, with a bounded timeout', async () => {
    const lines: [
      string,
      { everySeconds: number; load: () => Promise<{ default: { timeoutSeconds: number } }> },
    ][] = Object.entries(timetable)
    for (const [name, line] of lines) {
      expect(name).toMatch(/^[a-z0-9]+(?:-[a-z0-9]+)*$/)
      expect(line.everySeconds, name).toBeGreaterThan(0)
      expect((await line.load()).default.timeoutSeconds, name).toBeGreaterThan(0)
    }
  })
})

describe('the reactions', () => {
  test('have a line for every file and a file for every line', () => {
    const files = filesUnder('functions/reactors', /^index\.ts$/)
    expect(compareTable(readSource('functions/reactors/index.ts').text, files)).toEqual({
      files: [],
      lines: [],
    })
  })

  test('load reactors that say what they react to', async () => {
    const lines: { load: () => Promise<{ default: { on: string } }> }[] = Object.values(reactions)
    for (const line of lines)
      expect((await line.load()).default.on).toMatch(/^(?:[a-z_]+|\*)(?:\.(?:[a-z_]+|\*))*(?:\.>)?$|^>$/)
  })
})
