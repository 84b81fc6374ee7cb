/** One process per data folder: two embedded databases on the same files would destroy them. */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Several processes may start at once, after a crash or a restart of the machine. */
const ATTEMPTS = 5

/**
 * Takes the folder. The lock of a killed process is taken over: pid and start time tell whether its owner lives.
 * @returns a function that gives it back
 * @throws when another process holds it
 */
export function lockFolder(folder: string): () => void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const file = join(folder, 'lock')
  const mine = `${process.pid} ${startOf(process.pid)}`
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    try {
      writeFileSync(file, mine, { flag: 'wx', mode: 0o600 })
      return () => rmSync(file, { force: true })
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error
      const held = readIfThere(file)
      const [pid, start] = held?.split(' ') ?? []
      if (isAlive(Number(pid)) && startOf(Number(pid)) === start)
        throw new Error(
          `The data folder ${folder} is in use by process ${pid}. Stop it, or set another DATA_DIR.`,
        )
      if (held !== null) dropStale(file, held)
    }
  }
  throw new Error(`The data folder ${folder} could not be locked.`)
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as { code?: string }).code === 'ENOENT') return null
    throw error
  }
}

/** Takes a dead owner's lock away, and nothing else: a rival may have put its own there since we looked. */
export function dropStale(file: string, stale: string): void {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
    if (readFileSync(aside, 'utf8') !== stale) linkSync(aside, file)
  } catch (error) {
    // Gone already, or there is a new one: the next look decides.
    if (!['ENOENT', 'EEXIST'].includes((error as { code?: string }).code ?? '')) throw error
  } finally {
    rmSync(aside, { force: true })
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

/** Start time of a process in clock ticks where the system tells it, so that a reused pid is no owner. */
function startOf(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? 'unknown'
  } catch {
    return 'unknown'
  }
}
