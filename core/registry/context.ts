/** What a call in the registry holds beside the common context. */
import type { Config } from '#core/platform/config.ts'
import type { Context, Resources } from '#core/platform/context.ts'
import type { EventFeed } from '#core/platform/event-feed.ts'
import type { Mailer } from '#core/platform/mail.ts'
import type { Outbound } from '#core/platform/outbound.ts'
import type { IdentityReader } from '#core/platform/spiffe/read-identity.ts'
import type { TaskLine } from '#core/platform/tasks/line.ts'
import type { EventStoreClient } from './event-store-client.ts'
import type { KeyRing } from './keys/key-ring.ts'
import type { TegClient } from './teg-client.ts'

export interface RegistryResources extends Resources {
  readonly config: Config
  readonly teg: TegClient
  /** Null where this registry tells its events to no EventStore. */
  readonly eventStore: EventStoreClient | null
  readonly keys: KeyRing
  /** How the SPIFFE identity stands; null where none is configured. */
  readonly identity: IdentityReader | null
  /** Live events of this process, read from the journal. */
  readonly feed: EventFeed
  readonly mailer: Mailer
  /** The timetable's lines of this service. */
  readonly tasks: readonly TaskLine[]
  /** Reaches the addresses that users give: webhooks. */
  readonly outbound: Outbound
  /** Tells background work of this process that there is something to do (a committed outbox or mail row). Only a hint. */
  readonly wake: (what: 'relay' | 'mail' | 'grants' | 'webhooks') => void
}

export interface RegistryContext extends Context, RegistryResources {}
