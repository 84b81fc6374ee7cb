/** Brings a service's schema up to date: numbered scripts once, forward only; repeatable ones when their text changes. */
import { createHash } from 'node:crypto'
import type { Database, Transaction } from './database.ts'
import { readPlace } from './identity-queries.ts'
import { forgoJit } from './planner-queries.ts'

export interface Migration {
  /** `0001-accounts.sql`; a name without number (`gate.sql`) is repeatable and runs after the numbered ones. */
  readonly name: string
  readonly sql: string
}

/** Rights of roles, `roles.sql`: the last of the repeatable scripts. What another one has made anew lacks them until it ran. */
const isRights = (name: string) => /(^|\/)roles\.sql$/.test(name)

const isRepeatable = (name: string) => !/^\d{4}-/.test(name)
const digest = (text: string) => createHash('sha256').update(text).digest('hex')
/** Numbered ones by number, then repeatable ones by name, then rights. */
const placeOf = (name: string) => `${isRepeatable(name) ? 1 : 0}${isRights(name) ? 1 : 0}${name}`

/**
 * Applies what is missing under a lock that lets one process migrate at a time: each numbered script in a transaction, the
 * repeatable ones together in one, so that nobody calls functions of two versions. Rights are given again whenever another
 * script was applied, a role of ours has come, or the rows stand in another database than before (a restored dump).
 * @returns the names applied
 * @throws when an applied script has changed or the database knows scripts that this version does not
 */
export async function migrate(
  db: Database,
  schema: string,
  migrations: readonly Migration[],
): Promise<string[]> {
  if (!/^[a-z_]+$/.test(schema)) throw new Error(`not a schema name: ${schema}`)
  const ordered = [...migrations].sort((a, b) => (placeOf(a.name) < placeOf(b.name) ? -1 : 1))
  const applied: string[] = []
  for (;;) {
    const names = await db.transaction(async (tx) => {
      const next = await applyNext(tx, schema, ordered)
      // Not with the migrations: a copy of the tables in another database must have it, too.
      if (next.length === 0 && db.kind === 'pg') await forgoJit(tx)
      return next
    })
    if (names.length === 0) return applied
    applied.push(...names)
  }
}

async function applyNext(tx: Transaction, schema: string, ordered: readonly Migration[]): Promise<string[]> {
  await tx.query('select pg_advisory_xact_lock(hashtext($1))', [`migrate:${schema}`])
  await tx.query(`create schema if not exists ${schema}`)
  await tx.query(`create table if not exists ${schema}.migrations (
    name text primary key, checksum text not null, applied_at timestamptz not null default clock_timestamp())`)
  const rows = await tx.query<{ name: string; checksum: string }>(
    `select name, checksum from ${schema}.migrations`,
  )
  const known = new Map(rows.map((row) => [row.name, row.checksum]))
  const unknown = rows.find((row) => !ordered.some((migration) => migration.name === row.name))
  if (unknown)
    throw new Error(
      `schema ${schema} holds ${unknown.name}, which this version does not know: it is newer; upgrade`,
    )
  const rights = ordered.find(({ name }) => isRights(name))
  const place = rights ? await readPlace(tx) : ''
  const checksumOf = ({ name, sql }: Migration) => digest(isRights(name) ? `${sql}\n${place}` : sql)
  const pending = ordered.filter((migration) => known.get(migration.name) !== checksumOf(migration))
  const [first] = pending
  if (!first) return []
  const batch = isRepeatable(first.name) ? pending : [first]
  if (rights && isRepeatable(first.name) && !batch.includes(rights)) batch.push(rights)
  for (const migration of batch) {
    const { name, sql } = migration
    if (known.has(name) && !isRepeatable(name))
      throw new Error(`migration ${schema}/${name} was changed after it had been applied`)
    for (const statement of splitStatements(sql)) await tx.query(statement)
    await tx.query(
      `insert into ${schema}.migrations (name, checksum) values ($1, $2)
       on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()`,
      [name, checksumOf(migration)],
    )
  }
  if (rights && !isRepeatable(first.name))
    await tx.query(`update ${schema}.migrations set checksum = '' where name = $1`, [rights.name])
  return batch.map(({ name }) => name)
}

/** Splits a script at semicolons outside quotes, dollar quotes and comments: PGlite takes one statement a call. */
export function splitStatements(sql: string): string[] {
  const statements: string[] = []
  let start = 0
  let bare = true
  const take = (end: number) => {
    if (!bare) statements.push(sql.slice(start, end).trim())
    start = end + 1
    bare = true
  }
  const token =
    /--[^\n]*|\/\*|\b[eE]'(?:[^'\\]|''|\\[\s\S])*'|'(?:[^']|'')*'|"[^"]*"|(?<![\w$])(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1|;|[^\s;]/g
  for (let match = token.exec(sql); match; match = token.exec(sql)) {
    if (match[0] === ';') take(match.index)
    else if (match[0] === '/*') token.lastIndex = endOfComment(sql, match.index)
    else if (!match[0].startsWith('--')) bare = false
  }
  take(sql.length)
  return statements
}

/** Block comments nest in PostgreSQL. */
function endOfComment(sql: string, start: number): number {
  const mark = /\/\*|\*\//g
  mark.lastIndex = start
  let depth = 0
  for (let match = mark.exec(sql); match; match = mark.exec(sql)) {
    depth += match[0] === '/*' ? 1 : -1
    if (depth === 0) return mark.lastIndex
  }
  throw new Error('The script has a comment without an end')
}
