/** Statements of the audit trail. */
import type { Transaction } from '#core/platform/database/database.ts'

export interface AuditRow {
  id: string
  actor: string
  act: string
  object: string
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  requestId: string
  time: Date | null
}

const json = (value: Record<string, unknown> | null) => (value === null ? null : JSON.stringify(value))

/** On the way to the commit. An act of a known id that has been recorded stays as it is. */
export const insertAct = (tx: Transaction, row: AuditRow) =>
  tx.later(
    `insert into registry.audit_trail (id, actor, act, object, before, after, request_id, happened_at)
     values ($1::uuid, $2::text, $3::text, $4::text, $5::json, $6::json, $7::text,
       coalesce($8::timestamptz, clock_timestamp()))
     on conflict (id) do nothing`,
    [row.id, row.actor, row.act, row.object, json(row.before), json(row.after), row.requestId, row.time],
    { keep: 'insert_act' },
  )
