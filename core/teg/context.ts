/** What a call in the TEG holds beside the common context. */
import type { Config } from '#core/platform/config.ts'
import type { Context, Resources } from '#core/platform/context.ts'

export interface TegResources extends Resources {
  readonly config: Config
}

export interface TegContext extends Context, TegResources {}
