/** Look-ups by key that come in the same moment travel in one statement: under load a call costs a share of a round trip. */

/** Look-ups of one statement. */
const GATHERED_MAX = 1000

interface Waiting<R> {
  readonly key: string
  readonly resolve: (row: R | undefined) => void
  readonly reject: (error: unknown) => void
}

/**
 * Makes a look-up. Its statement begins after the look-up was asked for, so that no answer is older than its question;
 * one statement is under way at a time, and the next one takes all that came meanwhile.
 * @param find all rows of the keys, in any order
 */
export function gatherLookups<R>(
  find: (keys: string[]) => Promise<R[]>,
  keyOf: (row: R) => string,
): (key: string) => Promise<R | undefined> {
  const queue: Waiting<R>[] = []
  let isBusy = false

  const run = async () => {
    isBusy = true
    while (queue.length > 0) {
      // What arrives in the same turn of the event loop is one batch.
      await Promise.resolve()
      const batch = queue.splice(0, GATHERED_MAX)
      try {
        const rows = new Map(
          (await find([...new Set(batch.map(({ key }) => key))])).map((row) => [keyOf(row), row]),
        )
        for (const { key, resolve } of batch) resolve(rows.get(key))
      } catch (error) {
        for (const { reject } of batch) reject(error)
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
