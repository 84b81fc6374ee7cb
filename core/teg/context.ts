/** What a call in the TEG holds beside the common context. */
import type { Config } from '#core/platform/config.ts'
import type { Context, Resources } from '#core/platform/context.ts'
import type { Gate } from './ledger/open-gate.ts'
import type { Scans } from './supply/open-scans.ts'

export interface TegResources extends Resources {
  readonly config: Config
  /** The only way to move AVT. */
  readonly gate: Gate
  /** The only way to read whole tables. */
  readonly scans: Scans
}

export interface TegContext extends Context, TegResources {}
