/** What a call in the EventStore holds beside the common context. */
import type { Verifier } from '#core/base/tlog/note.ts'
import type { Config } from '#core/platform/config.ts'
import type { Context, Resources } from '#core/platform/context.ts'
import type { LogKeys } from './keys/open-keys.ts'
import type { Sequencer } from './log/open-sequencer.ts'
import type { HeadWatch } from './open-head-watch.ts'
import type { TileCache } from './open-tile-cache.ts'

export interface EventStoreResources extends Resources {
  readonly config: Config
  readonly keys: LogKeys
  /** The only way to append. */
  readonly sequencer: Sequencer
  /** Tells waiting readers that the log has grown. */
  readonly heads: HeadWatch
  readonly tiles: TileCache
  /** Keys of the logs that this one is a witness of. */
  readonly witnessed: readonly Verifier[]
}

export interface EventStoreContext extends Context, EventStoreResources {}
