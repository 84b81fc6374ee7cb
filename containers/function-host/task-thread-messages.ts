/** What a host and the thread of a task tell each other. */
import type { Config } from '#core/platform/config.ts'
import type { RegistryResources } from '#core/registry/context.ts'
import type { RunKey } from '#core/runtime/schedule-deps.ts'

/** What a thread is started with: the very configuration of its host, and the run. */
export interface ThreadData {
  readonly config: Config
  readonly run: RunKey
}

/** An error that crosses threads keeps its name, by which FencedOut and others are told apart. */
export interface PackedError {
  readonly name: string
  readonly message: string
  readonly stack?: string | undefined
  readonly code?: string
}

/** To a thread. */
export interface Order {
  readonly abort: PackedError
}

/** From a thread: hints, then its one answer. */
export type Told =
  | { readonly what: 'wake'; readonly hint: Parameters<RegistryResources['wake']>[0] }
  | { readonly what: 'done'; readonly counts: Readonly<Record<string, number>> }
  | { readonly what: 'failed'; readonly error: PackedError }

export function packError(error: unknown): PackedError {
  if (!(error instanceof Error)) return { name: 'Error', message: 'unknown' }
  const { name, message, stack } = error
  const code = (error as { code?: unknown }).code
  return { name, message, stack, ...(typeof code === 'string' ? { code } : {}) }
}

export function unpackError({ message, ...facts }: PackedError): Error {
  return Object.assign(new Error(message), facts)
}
