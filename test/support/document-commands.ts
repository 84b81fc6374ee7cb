/** The commands of a document, pasted into a shell as a reader does. */
import { spawn } from 'node:child_process'

/** The blocks that are marked `bash`. */
export const commandsOf = (text: string): string[] =>
  [...text.matchAll(/^```bash\n([\s\S]*?)^```$/gm)].map((match) => match[1] as string)

/** What the comments at the end of lines promise, in order. */
export const promisesOf = (commands: string): string[] =>
  [...commands.matchAll(/\S[^\n]*?[ \t]{2,}(?:#|\/\/)\s+(\S[^\n]*)$/gm)].map((match) => match[1] as string)

export interface ShellResult {
  readonly code: number | null
  readonly output: string
  readonly errors: string
}

/** Runs a script in the root of the repository. */
export function runShell(script: string): Promise<ShellResult> {
  return new Promise((resolve) => {
    const shell = spawn('bash', ['-euo', 'pipefail', '-c', script], {
      cwd: new URL('../../', import.meta.url),
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
