/** Starts a private pgbouncer on the configuration of our container, before a server with passwords. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from './process.ts'

const START_TIMEOUT_MS = 30_000

export interface PoolerOptions {
  /** Port of the server on 127.0.0.1. */
  readonly server: number
  readonly database: string
  readonly user: string
  readonly password: string
}

export interface Pooler {
  /** Address of the database through it, with user and password. */
  readonly url: string
  stop(): Promise<void>
}

/** Takes containers/pgbouncer/pgbouncer.ini as it is, but for what the container's network gives: names, ports, a writable folder. */
export async function startPooler({ server, database, user, password }: PoolerOptions): Promise<Pooler> {
  const folder = mkdtempSync(join(tmpdir(), 'ninefold-pooler-'))
  const port = await freePort()
  const users = join(folder, 'userlist.txt')
  const replaced: readonly [RegExp, string][] = [
    [/^registry = .*$/m, `${database} = host=127.0.0.1 port=${server} dbname=${database}`],
    [/^listen_addr = .*$/m, 'listen_addr = 127.0.0.1'],
    [/^listen_port = .*$/m, `listen_port = ${port}`],
    [/^auth_file = .*$/m, `auth_file = ${users}`],
    // A pgbouncer before 1.21 has none of them and does not know the word.
    [/^max_prepared_statements = 0$/m, ''],
  ]
  let text = readFileSync(new URL('../../containers/pgbouncer/pgbouncer.ini', import.meta.url), 'utf8')
  for (const [line, own] of replaced) {
    if (!line.test(text)) throw new Error(`pgbouncer.ini has no line ${line}`)
    text = text.replace(line, own)
  }
  writeFileSync(join(folder, 'pgbouncer.ini'), text)
  writeFileSync(users, `"${user}" "${password}"\n`)
  const as = otherUser()
  if (as) for (const path of [folder, users, join(folder, 'pgbouncer.ini')]) chownSync(path, as.uid, as.gid)
  const child = spawn('pgbouncer', [join(folder, 'pgbouncer.ini')], {
    ...as,
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const killAtExit = () => child.kill('SIGKILL')
  process.once('exit', killAtExit)
  const stop = async () => {
    process.removeListener('exit', killAtExit)
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()))
      child.kill('SIGKILL')
      await ended
    }
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await untilUp(child)
  } catch (error) {
    await stop()
    throw error
  }
  return { url: `postgres://${user}:${password}@127.0.0.1:${port}/${database}`, stop }
}

/** pgbouncer refuses to run as root. */
function otherUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function untilUp(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    const fail = (why: string) => reject(new Error(`pgbouncer ${why}:\n${text}`))
    const timer = setTimeout(() => fail('did not come up'), START_TIMEOUT_MS)
    child.once('error', (error) => fail(`could not be started (${error.message})`))
    child.once('exit', (code) => fail(`ended with ${code}`))
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (!text.includes('process up')) return
      clearTimeout(timer)
      resolve()
    })
  })
}
