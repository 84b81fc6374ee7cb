/** One transaction from begin to its end, the same on every adapter. */
import type { Param, Queryable, Transaction, TransactionOptions } from './database.ts'
import { inTransactionScope } from './scope.ts'

/**
 * Runs `work` between begin and commit on one session; rolls back when it throws, when the signal aborts, and when a
 * statement failed and the failure was swallowed (the server would answer such a commit with a silent rollback).
 */
export async function transact<T>(
  run: Queryable['query'],
  signal: AbortSignal | undefined,
  work: (tx: Transaction) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  const isolation = options.isolation ?? 'read committed'
  await run(`begin isolation level ${isolation}${options.readOnly ? ' read only' : ''}`)
  const session = openSession(run, signal)
  try {
    const result = await inTransactionScope(() => work(session.tx))
    await session.settle()
    signal?.throwIfAborted()
    await run('commit')
    return result
  } catch (error) {
    session.end()
    // Fails at once where the connection is gone; the server has rolled back then.
    await run('rollback').catch(() => undefined)
    throw error
  }
}

function openSession(run: Queryable['query'], signal: AbortSignal | undefined) {
  let over = false
  let failure: unknown
  const running = new Set<Promise<unknown>>()
  const tx: Transaction = {
    transaction: true,
    async query<R>(text: string, params: readonly Param[] = []) {
      if (over) throw new Error('The transaction is over')
      signal?.throwIfAborted()
      const statement = run<R>(text, params)
      running.add(statement)
      try {
        return await statement
      } catch (error) {
        failure ??= error
        throw error
      } finally {
        running.delete(statement)
      }
    },
  }
  return {
    tx,
    end: () => {
      over = true
    },
    /** Waits for statements left behind and finds out whether the transaction can still commit. */
    async settle() {
      over = true
      await Promise.allSettled(running)
      if (failure === undefined) return
      // After `rollback to savepoint` it can.
      await run('select 1').catch(() => {
        throw failure
      })
    },
  }
}
