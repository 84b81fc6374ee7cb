/** What a deployment reads of the bundles: written beside them by `npm run bundle`, so that SST's own bundler meets no code of ours. */
import { readFileSync } from 'node:fs'

export interface ManifestEntry {
  readonly name: string
  readonly kind: 'door' | 'task' | 'reactor' | 'pages'
  readonly service: 'registry' | 'teg' | 'event-store'
  readonly file: string
  /** Folder of the bundle, from the root; its handler is index.handler. */
  readonly folder: string
  readonly timeoutSeconds: number
  /** Minutes between two looks of a timer; null: none wakes it. */
  readonly everyMinutes: number | null
  /** Secrets that it reads: no others are linked. */
  readonly secrets: readonly SecretName[]
}
export interface Manifest {
  readonly entries: readonly ManifestEntry[]
  readonly routes: readonly { readonly path: string; readonly entry: string }[]
}

/** Secrets by their names as links; `readEnvironment` makes the settings of them. */
export const secretNames = [
  'DatabaseUrl',
  'TegServiceToken',
  'SecretKey',
  'RedisUrl',
  'SmtpUrl',
  'NeonBridgeToken',
] as const
export type SecretName = (typeof secretNames)[number]

export const MANIFEST = 'dist/lambda/manifest.json'

/** @throws when nothing has been bundled */
export function readManifest(): Manifest {
  try {
    return JSON.parse(readFileSync(MANIFEST, 'utf8')) as Manifest
  } catch (error) {
    throw new Error('Bundle first: npm run bundle', { cause: error })
  }
}
