/** The words that pass between the primary and its workers. */
import type { MetricSnapshot } from '#core/platform/metrics-snapshot.ts'

export type PrimaryMessage =
  | { readonly ninefold: 'tell-metrics'; readonly id: number }
  /** Another worker has taken the place: stop, while the host as a whole serves on. */
  | { readonly ninefold: 'leave' }
  /** The answer to a farewell: no connection follows it. */
  | { readonly ninefold: 'farewell' }

export type WorkerMessage =
  /** Every service of the worker answers. */
  | { readonly ninefold: 'ready' }
  | { readonly ninefold: 'metrics'; readonly id: number; readonly metrics: MetricSnapshot[] }
  /** The last figures of a worker that is about to end. */
  | { readonly ninefold: 'farewell'; readonly metrics: MetricSnapshot[] }

const isOurs = (message: unknown): message is { ninefold: string } =>
  typeof message === 'object' && message !== null && 'ninefold' in message

export const readPrimaryMessage = (message: unknown): PrimaryMessage | null =>
  isOurs(message) ? (message as PrimaryMessage) : null

export const readWorkerMessage = (message: unknown): WorkerMessage | null =>
  isOurs(message) ? (message as WorkerMessage) : null
