/** Agents as rows, for tests of what stands on them; the agents' own journeys publish cards over HTTP. */

import { formatAmount } from '#core/base/amount.ts'
import { uuidv7 } from '#core/base/ids.ts'
import type { System } from './system.ts'

export interface SeededAgent {
  readonly id: string
  readonly did: string
}

let made = 0

/** Inserts an agent that the TEG has not heard of yet. */
export async function seedAgent(
  system: System,
  owner: string,
  status: 'active' | 'deprecated' | 'suspended' | 'retired' = 'active',
): Promise<SeededAgent> {
  const id = uuidv7(system.clock.now().getTime(), system.registry.random(10))
  const host = new URL(system.config.PUBLIC_URL).host.replace(':', '%3A')
  const did = `did:web:${host}:api:v1:agents:${id}`
  await system.registry.db.query(
    `insert into registry.agents (id, did, slug, owner, status, sequence, card_text, card_etag, card_digest, card_version,
       signature_status, hosted_card, registry_signature, created_at, updated_at)
     values ($1, $2, $3, $4, $5, 1, '{}', 'e', 'sha-256:0', '1', 'unsigned', '{}', 's', $6, $6)`,
    [id, did, `seeded-${++made}`, owner, status, system.clock.now()],
  )
  return { id, did }
}

/** Makes a grant due for a developer. */
export async function seedGrant(
  system: System,
  developer: string,
  agent: string,
  amount: bigint,
): Promise<string> {
  await system.registry.db.query(
    `insert into registry.grants_due (developer, grant_key, agent, amount, due_since, next_attempt_at)
     values ($1::uuid, $1::text, $2, $3, $4, $4)`,
    [developer, agent, amount, system.clock.now()],
  )
  return formatAmount(amount)
}
