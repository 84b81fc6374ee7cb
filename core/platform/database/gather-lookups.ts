/** Look-ups by key that come in the same moment travel in one statement: under load a call costs a share of a round trip. */

/** Look-ups of one statement. */
const GATHERED_MAX = 1000
/** A statement that takes longer fails: one dead connection must not keep every caller of the process waiting. */
const FIND_MS_MAX = 10_000

interface Waiting<R> {
  readonly key: string
  readonly resolve: (row: R | undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes a look-up. Its statement begins after the look-up was asked for, so that no answer is older than its question;
 * one statement is under way at a time, and the next one takes all that came meanwhile.
 * @param find all rows of the keys, in any order; ends when its signal aborts
 */
export function gatherLookups<R>(
  find: (keys: string[], signal: AbortSignal) => Promise<R[]>,
  keyOf: (row: R) => string,
  findMsMax = FIND_MS_MAX,
): (key: string) => Promise<R | undefined> {
  const queue: Waiting<R>[] = []
  let isBusy = false

  const run = async () => {
    isBusy = true
    while (queue.length > 0) {
      // What arrives in the same turn of the event loop is one batch.
      await Promise.resolve()
      const batch = queue.splice(0, GATHERED_MAX)
      const late = new AbortController()
      const timer = setTimeout(() => late.abort(new Error('A look-up took too long')), findMsMax)
      try {
        const found = await find([...new Set(batch.map(({ key }) => key))], late.signal)
        const rows = new Map(found.map((row) => [keyOf(row), row]))
        for (const { key, resolve } of batch) resolve(rows.get(key))
      } catch (error) {
        for (const { reject } of batch) reject(error)
      } finally {
        clearTimeout(timer)
      }
    }
    isBusy = false
  }
  return (key) =>
    new Promise((resolve, reject) => {
      queue.push({ key, resolve, reject })
      if (!isBusy) void run()
    })
}
