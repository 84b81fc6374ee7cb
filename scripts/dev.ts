/** The host for those who work on it: started anew when a source changes, and kept waiting where it can't start. */
import { type ChildProcess, spawn } from 'node:child_process'
import { type FSWatcher, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'

const watched = ['core', 'functions', 'schedules', join('containers', 'function-host')]
const MAIN = join('containers', 'function-host', 'main.ts')
/** Changes that come together are one. */
const SETTLE_MS = 150
/** A host that does not stop in this time is ended. */
const STOP_MS = 10_000

/** No balancer waits for a notice here, and no client for the end of a long drain. */
const quick = { STOP_NOTICE_SECONDS: '0', STOP_GRACE_SECONDS: '4' }

const say = (words: string) => void process.stdout.write(`[dev] ${words}\n`)

/**
 * Calls `tell` with each source that changes. Folders are watched, not files: an editor that replaces a file, or a
 * checkout, would leave a watcher on what is gone.
 */
function watchSources(tell: (file: string) => void): void {
  const watchers = new Map<string, FSWatcher>()
  const add = (folder: string): void => {
    if (watchers.has(folder)) return
    const watcher = watch(folder, (_event, name) => {
      const path = join(folder, name ?? '')
      if (/\.(?:ts|sql|json|proto)$/.test(path)) tell(path)
      else addFolders(folder)
    })
    watcher.on('error', () => {
      watcher.close()
      watchers.delete(folder)
    })
    watchers.set(folder, watcher)
    addFolders(folder)
  }
  const addFolders = (folder: string): void => {
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true }))
        if (entry.isDirectory()) add(join(folder, entry.name))
    } catch {
      // The folder itself has gone meanwhile.
    }
  }
  for (const folder of watched) add(folder)
}

function main(): void {
  let host: ChildProcess | undefined
  let isEnding = false
  const start = () => {
    const child = spawn(process.execPath, [MAIN], { stdio: 'inherit', env: { ...quick, ...process.env } })
    host = child
    child.once('exit', (code, signal) => {
      if (host === child) host = undefined
      if (isEnding) {
        const isCut = signal === 'SIGKILL'
        if (isCut) say(`the host did not stop within ${STOP_MS / 1000} s and was ended`)
        process.exit(isCut ? 1 : 0)
      }
      if (host === undefined && !isRestarting)
        say(`the host has ended (${signal ?? code}); it starts again with the next change`)
    })
  }

  let isRestarting = false
  let isChanged = false
  const restart = async (file: string) => {
    isChanged = true
    if (isRestarting || isEnding) return
    isRestarting = true
    while (isChanged && !isEnding) {
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      isChanged = false
      say(`${file} has changed: the host starts anew`)
      await stop(host)
    }
    isRestarting = false
    if (!isEnding) start()
  }

  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      if (isEnding) return
      isEnding = true
      if (!host) process.exit(0)
      // A terminal tells the host, too; that it hears of it twice is no matter.
      void stop(host)
    })
  watchSources((file) => void restart(file))
  start()
  say(`watching ${watched.join(', ')}; ctrl-C ends it`)
}

async function stop(child: ChildProcess | undefined): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.once('exit', resolve))
  const cut = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
  child.kill('SIGTERM')
  await ended
  clearTimeout(cut)
}

main()
