/** Statements of the ledger's bench: sizes, locks, the journal's lag, and the naive ledger that ours is compared with. */
import type { Queryable } from '#core/platform/database/database.ts'

/** Batches and numbers that the journal does not have yet. */
export async function readBacklog(db: Queryable): Promise<number> {
  const rows = await db.query<{ backlog: bigint }>(
    `select (select count(*) from teg.outbox)
       + coalesce((select max(b.number_last) from teg.outbox_numbered b), 0) - s.sequence as backlog
     from registry.journal_sources s where s.service = 'teg'`,
  )
  return Number(rows[0]?.backlog)
}

export interface Size {
  /** Bytes of tables with their indexes and long values. */
  readonly schema: number
  /** Bytes of WAL written so far by the whole server. */
  readonly wal: number
}

/** What a schema occupies. */
export async function readSize(db: Queryable, schema: string): Promise<Size> {
  const rows = await db.query<{ bytes: bigint; wal: bigint }>(
    `select coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint as bytes,
       pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint as wal
     from pg_class c where c.relnamespace = $1::regnamespace and c.relkind = 'r'`,
    [schema],
  )
  return { schema: Number(rows[0]?.bytes), wal: Number(rows[0]?.wal) }
}

/** Bytes by relation of a schema, the largest first. */
export const listSizes = (db: Queryable, schema: string) =>
  db.query<{ name: string; bytes: bigint }>(
    `select c.relname as name, pg_relation_size(c.oid)::bigint as bytes from pg_class c
     where c.relnamespace = $1::regnamespace and c.relkind in ('r', 'i') order by 2 desc limit 12`,
    [schema],
  )

export const readSettings = (db: Queryable, names: readonly string[]) =>
  db.query<{ name: string; value: string }>(
    `select s.name, current_setting(s.name) as value from unnest($1::text[]) as s(name)`,
    [names],
  )

/** Lock modes that this session holds on relations, and row locks by the transaction id that they need. */
export const readOwnLocks = (db: Queryable) =>
  db.query<{ mode: string; kind: string }>(
    `select distinct l.mode, l.locktype as kind from pg_locks l
     where l.pid = pg_backend_pid() and l.locktype in ('relation', 'tuple', 'transactionid')`,
  )

/** A million accounts that hold what was issued to them. */
export async function fillAccounts(db: Queryable, count: number): Promise<void> {
  await db.query(
    `insert into teg.accounts (id, did, owner, balance, opened_at)
     select i.id, 'did:web:registry.example.com:api:v1:agents:' || i.id, i.id, 1000000, clock_timestamp()
     from (select gen_random_uuid() as id from generate_series(1, $1::integer)) i`,
    [count],
  )
  // As a TEG with minting authority would have issued it.
  await db.query('update teg.meta set minting = true')
  await db.query(
    `insert into teg.system_deltas (seq, account, amount, created_at)
     values (0, 'issuance', -1000000 * $1::bigint, clock_timestamp())`,
    [count],
  )
  await db.query('update teg.meta set minting = false')
}
export const analyzeAccounts = (db: Queryable) => db.query('vacuum analyze teg.accounts')

/** The naive ledger: what a first version looks like. */
export async function makeNaive(db: Queryable, accounts: number): Promise<void> {
  await db.query('create schema naive')
  await db.query(
    'create table naive.accounts (id bigint primary key, balance bigint not null check (balance >= 0))',
  )
  await db.query(
    `create table naive.transfers (id bigint generated always as identity primary key, payer bigint not null,
       key text not null, payee bigint not null, amount bigint not null, created_at timestamptz not null,
       unique (payer, key))`,
  )
  await db.query('insert into naive.accounts select i, 1000000000 from generate_series(0, $1::integer) i', [
    accounts,
  ])
}
export const lockNaive = (tx: Queryable, from: number, to: number) =>
  tx.query<{ id: bigint; balance: bigint }>(
    'select a.id, a.balance from naive.accounts a where a.id in ($1::bigint, $2::bigint) order by a.id for update',
    [from, to],
  )
export const addNaive = (tx: Queryable, account: number, amount: bigint) =>
  tx.query('update naive.accounts set balance = balance + $2::bigint where id = $1::bigint', [
    account,
    amount,
  ])
export const insertNaive = (tx: Queryable, from: number, to: number, key: string, amount: bigint) =>
  tx.query(
    `insert into naive.transfers (payer, payee, key, amount, created_at)
     values ($1::bigint, $2::bigint, $3, $4::bigint, clock_timestamp())`,
    [from, to, key, amount],
  )
