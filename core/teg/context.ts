/** What a call in the TEG holds beside the common context. */
import type { Config } from '#core/platform/config.ts'
import type { Context, Resources } from '#core/platform/context.ts'
import type { Gate } from './ledger/open-gate.ts'

export interface TegResources extends Resources {
  readonly config: Config
  /** The only way to move AVT. */
  readonly gate: Gate
}

export interface TegContext extends Context, TegResources {}
