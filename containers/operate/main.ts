/** The operator's commands: one word chooses, each prints what it found and ends with 0 or 1. */
import { type Command, UsageError } from './command.ts'

const commands: Record<
  string,
  { readonly words: string; readonly load: () => Promise<{ default: Command }> }
> = {
  init: {
    words:
      'write .env.operator with fresh secrets, once: init [--name NAME] [--url URL] [--folder FOLDER] [--frame]',
    load: () => import('./init.ts'),
  },
  doctor: {
    words:
      'look for what keeps the stack from working, with a hint for each: doctor [--env FILE] [--live] [--json]',
    load: () => import('./doctor.ts'),
  },
  topology: {
    words: 'judge networks, ports and rights: docker compose ... config --format json | operate topology',
    load: () => import('./topology.ts'),
  },
  'boot-timeline': {
    words:
      'tell how long each container took: docker inspect $(docker compose ps -aq) | operate boot-timeline',
    load: () => import('./boot-timeline.ts'),
  },
  'lock-images': {
    words:
      'pin the images of others by digest: docker image inspect $(docker compose config --images) | operate lock-images',
    load: () => import('./lock-images.ts'),
  },
  migrate: {
    words: 'bring the databases named by the environment up to date',
    load: () => import('./migrate.ts'),
  },
  ping: {
    words: 'ask a peer, under your identity, who you are for it: ping NAME (in the registry container)',
    load: () => import('./ping.ts'),
  },
  'mail-test': {
    words: 'send a mail over SMTP_URL: mail-test ADDRESS',
    load: () => import('./mail-test.ts'),
  },
}

async function main(): Promise<number> {
  const [name = '', ...args] = process.argv.slice(2)
  const command = commands[name]
  if (!command) {
    const list = Object.entries(commands).map(([word, { words }]) => `  ${word.padEnd(14)} ${words}`)
    const out = name === '' || name === 'help' ? process.stdout : process.stderr
    out.write(`Usage: operate <command>\n${list.join('\n')}\n`)
    return out === process.stdout ? 0 : 2
  }
  const run = (await command.load()).default
  return run(args, {
    env: process.env,
    print: (text) => void process.stdout.write(`${text}\n`),
    read: readInput,
  })
}

async function readInput(): Promise<string> {
  if (process.stdin.isTTY) return ''
  let text = ''
  for await (const chunk of process.stdin) text += String(chunk)
  return text
}

main().then(
  (status) => {
    process.exitCode = status
  },
  (error) => {
    process.stderr.write(
      `${error instanceof UsageError ? error.message : ((error as Error).message ?? error)}\n`,
    )
    process.exitCode = error instanceof UsageError ? 2 : 1
  },
)
