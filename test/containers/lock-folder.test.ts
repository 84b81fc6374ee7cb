import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { dropStale, lockFolder } from '#host/lock-folder.ts'

const folder = mkdtempSync(join(tmpdir(), 'ninefold-lock-'))
const file = join(folder, 'lock')
afterAll(() => rmSync(folder, { recursive: true }))

test('a folder is held by one process, and free again when it is given back', () => {
  const unlock = lockFolder(folder)
  expect(() => lockFolder(folder)).toThrow(/in use by process/)
  unlock()
  lockFolder(folder)()
  expect(readdirSync(folder)).toEqual([])
})

test.each(['', '999999999 1', `${process.pid} 1`, 'not a lock'])(
  'the lock %j of a dead process, or of an earlier one with this pid, is taken over',
  (text) => {
    writeFileSync(file, text)
    const unlock = lockFolder(folder)
    expect(readFileSync(file, 'utf8')).toMatch(new RegExp(`^${process.pid} `))
    unlock()
  },
)

test('a lock that a rival has put there since is left to it', () => {
  writeFileSync(file, 'rival')
  dropStale(file, 'dead')
  expect(readFileSync(file, 'utf8')).toBe('rival')
  dropStale(file, 'rival')
  expect(readdirSync(folder)).toEqual([])
  dropStale(file, 'rival')
})
