/** Starts a private PostgreSQL server in a temporary folder, for benches and for tests that need a real server. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'

const START_TIMEOUT_MS = 60_000
const RESTARTS_MAX = 100
const RESTART_PAUSE_MS = 100
const PACKAGES = '/usr/lib/postgresql'

export interface StartOptions {
  /** `trust`: no password (default); `scram`: the password stands in `url`. */
  auth?: 'trust' | 'scram'
  /** Settings of postgresql.conf, such as { shared_buffers: '1GB' }. */
  settings?: Record<string, string>
  /** Major version; absent: the newest installed. */
  major?: number
}

export interface PrivatePostgres {
  /** postgres://postgres[:password]@127.0.0.1:port/postgres; its user is a superuser. */
  readonly url: string
  /** Folder of the unix socket: `psql -h <socketFolder> -p <port> -U postgres`. */
  readonly socketFolder: string
  readonly port: number
  readonly password: string | null
  /** Such as "postgres (PostgreSQL) 15.18". */
  readonly version: string
  readonly major: number
  /** Process id of the running server. */
  readonly pid: number
  /** Folder of the server's programs, such as pgbench. */
  readonly bin: string
  /** Address of another database of this server. */
  urlOf(database: string): string
  /** SIGKILL of the postmaster alone, as the kernel does it when memory ends; resolves when it is gone. */
  kill(): Promise<void>
  /** Starts a killed server on its folder and port; resolves when crash recovery is over. */
  restart(): Promise<void>
  /** Fast shutdown; the folder is removed. Safe to call twice. */
  stop(): Promise<void>
}

/** Majors of PostgreSQL whose server is installed here, newest first. */
export function installedMajors(): number[] {
  if (!existsSync(PACKAGES)) return []
  return readdirSync(PACKAGES)
    .filter((name) => /^\d+$/.test(name) && existsSync(join(PACKAGES, name, 'bin', 'initdb')))
    .map(Number)
    .sort((a, b) => b - a)
}

/**
 * Starts it on a free port, TCP on 127.0.0.1 and a unix socket. Root can't run PostgreSQL, so as root the server runs
 * as the user postgres.
 * @throws when no server is installed or it does not come up within a minute (the message holds its log)
 */
export async function startPostgres(options: StartOptions = {}): Promise<PrivatePostgres> {
  const majors = installedMajors()
  const major = options.major ?? majors[0]
  if (major === undefined || !majors.includes(major))
    throw new Error(`PostgreSQL ${options.major ?? ''} is not installed under ${PACKAGES}`)
  const bin = join(PACKAGES, String(major), 'bin')
  const as = serverUser()
  const folder = mkdtempSync(join(tmpdir(), 'ninefold-pg-'))
  if (as) chownSync(folder, as.uid, as.gid)
  const run = { ...as, cwd: folder, env: { PATH: `${bin}:/usr/bin:/bin`, LC_ALL: 'C.UTF-8', TZ: 'UTC' } }
  try {
    const password = options.auth === 'scram' ? randomBytes(12).toString('hex') : null
    initialise(join(bin, 'initdb'), folder, password, run)
    const port = await freePort()
    const given = serverArguments(folder, port, options.settings ?? {})
    const start = async () => {
      const child = spawn(join(bin, 'postgres'), given, { ...run, stdio: ['ignore', 'ignore', 'pipe'] })
      await untilReady(child)
      return child
    }
    let server = await start()
    const killAtExit = () => server.kill('SIGKILL')
    process.once('exit', killAtExit)
    const urlOf = (database: string) =>
      `postgres://postgres${password ? `:${password}` : ''}@127.0.0.1:${port}/${database}`
    return {
      url: urlOf('postgres'),
      urlOf,
      socketFolder: folder,
      port,
      password,
      version: execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).trim(),
      major,
      bin,
      get pid() {
        return server.pid as number
      },
      kill: () => ended(server, 'SIGKILL'),
      async restart() {
        // Backends outlive a killed postmaster until they notice; it can't start beside them.
        for (let attempt = 1; ; attempt++) {
          try {
            server = await start()
            return
          } catch (error) {
            if (attempt === RESTARTS_MAX || !/still in use|shared memory/.test(String(error))) throw error
            await wait(RESTART_PAUSE_MS)
          }
        }
      },
      async stop() {
        process.removeListener('exit', killAtExit)
        await ended(server, 'SIGINT')
        rmSync(folder, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(folder, { recursive: true, force: true })
    throw error
  }
}

/** Ids of the user postgres when this process is root; undefined otherwise: the server runs as ourselves. */
function serverUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const id = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

function initialise(
  initdb: string,
  folder: string,
  password: string | null,
  run: { uid?: number; gid?: number; cwd: string; env: Record<string, string> },
): void {
  const given = ['-D', join(folder, 'data'), '-U', 'postgres', '-E', 'UTF8', '--no-sync']
  if (password) {
    const file = join(folder, 'password')
    writeFileSync(file, password, { mode: 0o600 })
    if (run.uid !== undefined) chownSync(file, run.uid, run.gid ?? run.uid)
    given.push('-A', 'scram-sha-256', `--pwfile=${file}`)
  } else given.push('-A', 'trust')
  mkdirSync(join(folder, 'data'), { mode: 0o700 })
  if (run.uid !== undefined) chownSync(join(folder, 'data'), run.uid, run.gid ?? run.uid)
  execFileSync(initdb, given, { ...run, stdio: ['ignore', 'ignore', 'pipe'] })
}

function serverArguments(folder: string, port: number, settings: Record<string, string>): string[] {
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: folder,
    lc_messages: 'C',
    max_connections: '200',
    ...settings,
  }
  const pairs = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  return ['-D', join(folder, 'data'), '-p', String(port), ...pairs]
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.on('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      const port = typeof address === 'object' && address ? address.port : 0
      probe.close(() => resolve(port))
    })
  })
}

/** Resolves when the server says that it takes connections. */
function untilReady(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    const settle = () => {
      clearTimeout(timer)
      server.removeListener('exit', onExit)
      server.stderr?.removeListener('data', onData)
      // The log must be read on, or a full pipe would stop the server.
      server.stderr?.resume()
    }
    const give = (words: string) => {
      settle()
      server.kill('SIGKILL')
      reject(new Error(`PostgreSQL ${words}:\n${text}`))
    }
    const onExit = (code: number | null) => give(`ended with ${code}`)
    const onData = (chunk: string) => {
      text += chunk
      if (!text.includes('ready to accept connections')) return
      settle()
      resolve()
    }
    const timer = setTimeout(() => give('did not become ready'), START_TIMEOUT_MS)
    server.once('error', (error) => give(`could not be started (${error.message})`))
    server.once('exit', onExit)
    server.stderr?.setEncoding('utf8').on('data', onData)
  })
}

/** Ends a server. SIGINT is PostgreSQL's fast shutdown: open sessions are ended. */
function ended(server: ChildProcess, signal: 'SIGINT' | 'SIGKILL'): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve()
  return new Promise((resolve) => {
    server.once('exit', () => resolve())
    server.kill(signal)
  })
}
