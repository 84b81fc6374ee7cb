/** The README's commands, pasted into a shell on a new data folder, print what the README says. */
import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { commandsOf, promisesOf, runShell } from '#test/support/document-commands.ts'
import { dataFolder, freePort, type Running, startProcess } from '#test/support/process.ts'

const root = new URL('../../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')
const folder = dataFolder()
let host: Running | undefined
afterAll(async () => {
  await host?.stop('SIGKILL')
  folder.remove()
})

test('npm start is the host, and the pasted commands print what they promise', async () => {
  expect(readme).toContain('npm ci && npm start')
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  expect(scripts.start).toBe('node containers/function-host/main.ts')

  const port = await freePort()
  host = await startProcess(folder.path, port)
  const blocks = commandsOf(readme)
  expect(blocks).toHaveLength(1)
  const [commands = ''] = blocks
  const promises = promisesOf(commands)
  expect(promises.length).toBeGreaterThan(6)
  const script = commands
    .replaceAll('127.0.0.1:8000', `127.0.0.1:${port}`)
    .replaceAll('.data/', `${folder.path}/`)
  const { code, output, errors } = await runShell(script)
  expect({ code, errors }).toEqual({ code: 0, errors: '' })

  const lines = output.split('\n').filter((line) => line !== '')
  expect(lines).toHaveLength(promises.length)
  promises.forEach((promise, at) => {
    expect(lines[at]).toContain(promise)
  })
}, 120_000)
