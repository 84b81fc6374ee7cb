/** What a process of the host wants of its engine before anything else is loaded. */
import { executionAsyncResource } from 'node:async_hooks'
import { enableCompileCache } from 'node:module'
import { join } from 'node:path'

/** Beside the packages: written by who may install them, gone with them. */
const CACHE_FOLDER = join(import.meta.dirname, '../../node_modules/.cache/ninefold')

/**
 * Compiled code and stripped types are kept from one process to the next: a worker starts in a third of the time and,
 * without a compiler of types in its memory, with 20 MB less. Where the folder cannot be written nothing is kept.
 */
export function prepareProcess(): void {
  // By the environment too, for workers: they then need not even compile this file.
  process.env.NODE_COMPILE_CACHE ??= CACHE_FOLDER
  enableCompileCache(process.env.NODE_COMPILE_CACHE)
  process.nextTick(() => {
    kept.push(executionAsyncResource())
  })
}

/**
 * One object of process.nextTick, held for ever. A collection at a moment without ticks would forget the hidden class of
 * these objects; in a program of this size V8 does not make it anew where its compiled code looks for it, and each of the
 * five ticks of a request then takes the slow way: a sixth of the whole cost of a short request (bench:host).
 */
const kept: object[] = []
