/** What a process has used, as Linux counts it. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const ticksPerSecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** CPU seconds, user and system, of all threads of a process so far (/proc/<pid>/stat; 10 ms steps). */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The command may hold blanks and brackets: fields are counted after the last one.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/**
 * The same to the nanosecond, of a process with one thread (/proc/<pid>/schedstat): short runs and busy machines need it.
 * Kernels without it count in steps of 10 ms.
 */
function cpuSecondsOfOne(pid: number): number {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0]) / 1e9
  } catch {
    return cpuSeconds(pid)
  }
}

/** Resident memory of a process in MB. */
export function residentMegabytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) / 1024
}

/** Process ids of the children that a process has forked. */
export function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
}

/** CPU of a PostgreSQL server's processes so far: its clients' backends by process, and what works beside them. */
export interface ServerCpu {
  readonly backends: ReadonlyMap<number, number>
  /** Checkpointer, WAL writer, autovacuum and the like. */
  readonly others: ReadonlyMap<number, number>
}

/** Reads it; `database` leaves out the backends of other databases. */
export function serverCpu(postmaster: number, database: string): ServerCpu {
  const backends = new Map<number, number>()
  const others = new Map<number, number>()
  for (const pid of childrenOf(postmaster)) {
    try {
      const title = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      // "postgres: user database host(port) state" is a client's; anything else has no address in its title.
      const client = /^postgres: \S+ (\S+) (?:\[local\]|\S+\(\d+\))/.exec(title)
      if (!client) others.set(pid, cpuSecondsOfOne(pid))
      else if (client[1] === database) backends.set(pid, cpuSecondsOfOne(pid))
    } catch {
      // It ended while we looked.
    }
  }
  return { backends, others }
}

/** Reads it now. @returns what gives the seconds used since then: of the database's backends, and of the server's other processes */
export function watchServer(
  postmaster: number,
  database: string,
): () => { backends: number; others: number } {
  const before = serverCpu(postmaster, database)
  return () => {
    const after = serverCpu(postmaster, database)
    return {
      backends: cpuBetween(before.backends, after.backends),
      others: cpuBetween(before.others, after.others),
    }
  }
}

/** Seconds used between two readings; a process that came between them counts whole, one that went does not count. */
export function cpuBetween(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  let sum = 0
  for (const [pid, seconds] of after) sum += seconds - (before.get(pid) ?? 0)
  return sum
}
