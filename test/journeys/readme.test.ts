/** The README's commands, pasted into a shell on a new data folder, print what the README says. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, expect, test } from 'vitest'
import { dataFolder, freePort, type Running, startProcess } from '#test/support/process.ts'

const root = new URL('../../', import.meta.url)
const readme = readFileSync(new URL('README.md', root), 'utf8')
const folder = dataFolder()
let host: Running | undefined
afterAll(async () => {
  await host?.stop('SIGKILL')
  folder.remove()
})

/** The commands of the one block that is marked `bash`. */
function commandsOf(text: string): string {
  const blocks = [...text.matchAll(/^```bash\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string)
  expect(blocks).toHaveLength(1)
  return blocks[0] as string
}

/** What the comments at the end of lines promise, in order. */
const promisesOf = (commands: string): string[] =>
  [...commands.matchAll(/\S[^\n]*?[ \t]{2,}(?:#|\/\/)\s+(\S[^\n]*)$/gm)].map((match) => match[1] as string)

function runShell(script: string): Promise<{ code: number | null; output: string; errors: string }> {
  return new Promise((resolve) => {
    const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    let output = ''
    let errors = ''
    shell.stdout.on('data', (chunk) => {
      output += chunk
    })
    shell.stderr.on('data', (chunk) => {
      errors += chunk
    })
    shell.once('close', (code) => resolve({ code, output, errors }))
  })
}

test('npm start is the host, and the pasted commands print what they promise', async () => {
  expect(readme).toContain('npm ci && npm start')
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  expect(scripts.start).toBe('node containers/function-host/main.ts')

  const port = await freePort()
  host = await startProcess(folder.path, port)
  const commands = commandsOf(readme)
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
