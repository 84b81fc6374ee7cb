/** Statements of orders to mint and burn. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'

/** What names an order at the TEG, for ever. */
export interface OrderName {
  readonly op: 'mint' | 'burn'
  readonly key: string
  readonly hash: string
}

export interface OrderRow extends OrderName {
  id: string
  memo: string | null
  actor: string
  request_id: string
  ordered_at: Date
}

export async function insertOrder(
  on: Queryable,
  order: Omit<OrderRow, 'ordered_at'>,
  time: Date | null,
): Promise<void> {
  await on.query(
    `insert into registry.supply_orders (id, op, key, hash, memo, actor, request_id, ordered_at)
     values ($1::uuid, $2::text, $3::text, $4::text, $5::text, $6::text, $7::text, coalesce($8::timestamptz, clock_timestamp()))`,
    [order.id, order.op, order.key, order.hash, order.memo, order.actor, order.request_id, time],
  )
}

export async function deleteOrder(on: Queryable, id: string): Promise<void> {
  await on.query('delete from registry.supply_orders o where o.id = $1::uuid', [id])
}

/** Takes all rows of an order. @returns the one that was given first; undefined: another has taken them */
export async function takeOrder(tx: Transaction, { key, hash }: OrderName): Promise<OrderRow | undefined> {
  const rows = await tx.query<OrderRow>(
    `delete from registry.supply_orders o where o.key = $1::text and o.hash = $2::text
     returning o.id, o.op, o.key, o.hash, o.memo, o.actor, o.request_id, o.ordered_at`,
    [key, hash],
  )
  return rows.sort((a, b) => a.ordered_at.getTime() - b.ordered_at.getTime() || (a.id < b.id ? -1 : 1))[0]
}

/** Orders that have waited so long, the oldest first; `is_late`: longer than the second time. */
export function readOrders(
  on: Queryable,
  time: Date | null,
  waited: { seconds: number; lateSeconds: number; limit: number },
): Promise<(OrderRow & { is_late: boolean })[]> {
  return on.query(
    `select o.id, o.op, o.key, o.hash, o.memo, o.actor, o.request_id, o.ordered_at,
       o.ordered_at <= m.at - make_interval(secs => $3::integer) as is_late
     from (select coalesce($1::timestamptz, clock_timestamp()) as at) m
     join registry.supply_orders o on o.ordered_at <= m.at - make_interval(secs => $2::integer)
     order by o.ordered_at, o.id limit $4::integer`,
    [time, waited.seconds, waited.lateSeconds, waited.limit],
  )
}
