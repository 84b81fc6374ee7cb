/** One transaction from begin to its end, the same on every adapter; statements that nobody waits for travel with others. */
import {
  isOutdated,
  type Param,
  type StatementOptions,
  type Transaction,
  type TransactionOptions,
} from './database.ts'
import { inTransactionScope } from './scope.ts'

export interface Statement {
  readonly text: string
  readonly params: readonly Param[]
  /** The name under which a server of one's own may keep it. */
  readonly keep?: string | undefined
}

/** What became of a group: the rows of the statements that were done, and the error of the one after them. */
export interface GroupEnd {
  readonly rows: readonly unknown[][]
  readonly error?: unknown
}

/**
 * Runs statements in one go on one session: after one that fails none is run. Never throws.
 * A `commit` that the server answers by rolling back is a failed one.
 */
export type RunGroup = (statements: readonly Statement[]) => Promise<GroupEnd>

/**
 * Runs `work` between begin and commit on one session; rolls back when it throws, when the signal aborts, and when a
 * statement failed and the failure was swallowed (the server would answer such a commit with a silent rollback).
 * Begin goes with the first statement, what was said by `later` with the next one or with the commit: a transaction that
 * says nothing sends nothing.
 */
export async function transact<T>(
  run: RunGroup,
  signal: AbortSignal | undefined,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const session = openSession(run, signal, options)
  try {
    const result = await inTransactionScope(() => work(session.tx))
    await session.settle()
    signal?.throwIfAborted()
    await session.commit()
    return result
  } catch (error) {
    await session.rollBack()
    throw error
  }
}

function openSession(run: RunGroup, signal: AbortSignal | undefined, options: TransactionOptions) {
  const state = { isOver: false, hasBegun: false }
  /** Why nothing more may be sent: begin failed, so that a statement would stand alone, or one that nobody waited for did. */
  let broken: { readonly error: unknown } | undefined
  /** The first failure, which may have been swallowed. */
  let failure: { readonly error: unknown } | undefined
  let waiting: Statement[] = []
  /** One group is under way at a time: whether the next one may be sent is known when this one has ended. */
  let tail: Promise<unknown> = Promise.resolve()

  const send = async (
    ahead: readonly Statement[],
    own: readonly Statement[],
  ): Promise<readonly unknown[][]> => {
    if (broken) throw broken.error
    const unwatched = [...(state.hasBegun ? [] : [beginOf(options)]), ...ahead]
    const group = [...unwatched, ...own]
    let { rows, error } = await run(group)
    if (isOutdated(error)) {
      if (state.hasBegun) error = mayRepeat(error)
      else {
        // Nothing but what a rollback undoes: the group goes again, and nobody sees that a migration came between.
        await run([ROLLBACK])
        ;({ rows, error } = await run(group))
      }
    }
    if (rows.length > 0) state.hasBegun = true
    if (rows.length < unwatched.length) broken = { error }
    if (rows.length < unwatched.length + own.length) throw error
    return rows.slice(unwatched.length)
  }
  const inTurn = <T>(turn: () => Promise<T>): Promise<T> => {
    const mine = tail.then(turn)
    tail = mine.catch((error: unknown) => {
      failure ??= { error }
    })
    return mine
  }
  const takeWaiting = () => {
    const taken = waiting
    waiting = []
    return taken
  }
  const refuseWhenOver = () => {
    if (state.isOver) throw new Error('The transaction is over')
  }

  const tx: Transaction = {
    transaction: true,
    async query<R>(text: string, params: readonly Param[] = [], { keep }: StatementOptions = {}) {
      refuseWhenOver()
      signal?.throwIfAborted()
      const ahead = takeWaiting()
      const [rows] = await inTurn(() => send(ahead, [{ text, params, keep }]))
      return rows as R[]
    },
    later(text, params = [], { keep } = {}) {
      refuseWhenOver()
      waiting.push({ text, params, keep })
    },
  }
  return {
    tx,
    /** Waits for statements left behind and finds out whether the transaction can still commit. */
    async settle() {
      state.isOver = true
      await tail
      if (broken) throw broken.error
      if (failure === undefined) return
      const { error } = failure
      // After `rollback to savepoint` it can.
      await send([], [{ text: 'select 1', params: [] }]).catch(() => {
        throw error
      })
    },
    async commit() {
      if (state.hasBegun || waiting.length > 0) await send(takeWaiting(), [{ text: 'commit', params: [] }])
    },
    async rollBack() {
      state.isOver = true
      broken ??= { error: new Error('The transaction is over') }
      await tail
      // Fails at once where the connection is gone; the server has rolled back then.
      if (state.hasBegun) await run([ROLLBACK])
    },
  }
}

const ROLLBACK: Statement = { text: 'rollback', params: [] }

/** A transaction that met a migration may be repeated like one that lost a race. */
const mayRepeat = (cause: unknown): Error =>
  Object.assign(new Error('A migration came into the transaction: it may be repeated', { cause }), {
    code: '40001',
  })

const beginOf = ({ isolation = 'read committed', readOnly }: TransactionOptions): Statement => ({
  text: `begin isolation level ${isolation}${readOnly ? ' read only' : ''}`,
  params: [],
})

/** Groups of an engine without a way between: statement by statement. */
export const oneByOne =
  (run: (text: string, params: readonly Param[]) => Promise<unknown[]>): RunGroup =>
  async (statements) => {
    const rows: unknown[][] = []
    for (const { text, params } of statements)
      try {
        rows.push(await run(text, params))
      } catch (error) {
        return { rows, error }
      }
    return { rows }
  }
