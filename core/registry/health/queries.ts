/** Statements of probes and counts. */
import type { Queryable } from '#core/platform/database/database.ts'

export const pingDatabase = (on: Queryable) => on.query('select 1 as one')

export interface QueuesRow {
  journal_head: bigint
  /** When the oldest fact came that the relay has not yet put into the journal. */
  outbox_since: Date | null
  forward_waiting: bigint
  forward_since: Date | null
}

/** How far the journal and the forwarder are behind. */
export async function readQueues(on: Queryable): Promise<QueuesRow> {
  const rows = await on.query<QueuesRow>(
    `select h.index as journal_head,
       (select o.occurred_at from registry.outbox o order by o.position limit 1) as outbox_since,
       h.index - f.index as forward_waiting,
       (select j.recorded_at from registry.journal j where j.index = f.index + 1) as forward_since
     from registry.journal_head h cross join registry.forwarder f`,
  )
  return rows[0] as QueuesRow
}

export interface CountsRow {
  accounts_active: bigint
  accounts_suspended: bigint
  agents_active: bigint
  agents_deprecated: bigint
  agents_suspended: bigint
  agents_retired: bigint
  granted: bigint
  refused: bigint
  due: bigint
  journal_head: bigint
  settings_version: bigint
}

export async function countAll(on: Queryable): Promise<CountsRow> {
  const rows = await on.query<CountsRow>(
    `select a.active as accounts_active, a.suspended as accounts_suspended,
            g.active as agents_active, g.deprecated as agents_deprecated,
            g.suspended as agents_suspended, g.retired as agents_retired,
            d.granted, d.refused, d.due, s.version as settings_version,
            (select h.index from registry.journal_head h) as journal_head
     from (select count(*) filter (where status = 'active') as active,
                  count(*) filter (where status = 'suspended') as suspended
           from registry.accounts) a,
          (select count(*) filter (where status = 'active') as active,
                  count(*) filter (where status = 'deprecated') as deprecated,
                  count(*) filter (where status = 'suspended') as suspended,
                  count(*) filter (where status = 'retired') as retired
           from registry.agents) g,
          (select count(*) filter (where granted_at is not null) as granted,
                  count(*) filter (where refused_code is not null) as refused,
                  count(*) filter (where granted_at is null and refused_code is null) as due
           from registry.grants_due) d,
          registry.settings_state s`,
  )
  return rows[0] as CountsRow
}
