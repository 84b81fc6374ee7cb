/** Brings a service's schema up to date: numbered scripts once, forward only; repeatable ones when their text changes. */
import { createHash } from 'node:crypto'
import type { Database, Transaction } from './database.ts'
import { forgoJit } from './planner-queries.ts'

export interface Migration {
  /** `0001-accounts.sql`; a name without number (`gate.sql`) is repeatable and runs after the numbered ones. */
  readonly name: string
  readonly sql: string
}

const isRepeatable = (name: string) => !/^\d{4}-/.test(name)
const digest = (text: string) => createHash('sha256').update(text).digest('hex')

/**
 * Applies what is missing, each script in a transaction, under a lock that lets one process migrate at a time.
 * @returns the names applied
 * @throws when an applied script has changed or the database knows scripts that this version does not
 */
export async function migrate(
  db: Database,
  schema: string,
  migrations: readonly Migration[],
): Promise<string[]> {
  if (!/^[a-z_]+$/.test(schema)) throw new Error(`not a schema name: ${schema}`)
  const applied: string[] = []
  for (;;) {
    const name = await db.transaction(async (tx) => {
      const next = await applyNext(tx, schema, migrations)
      // Not with the migrations: a copy of the tables in another database must have it, too.
      if (next === null && db.kind === 'pg') await forgoJit(tx)
      return next
    })
    if (name === null) return applied
    applied.push(name)
  }
}

async function applyNext(
  tx: Transaction,
  schema: string,
  migrations: readonly Migration[],
): Promise<string | null> {
  await tx.query('select pg_advisory_xact_lock(hashtext($1))', [`migrate:${schema}`])
  await tx.query(`create schema if not exists ${schema}`)
  await tx.query(`create table if not exists ${schema}.migrations (
    name text primary key, checksum text not null, applied_at timestamptz not null default clock_timestamp())`)
  const rows = await tx.query<{ name: string; checksum: string }>(
    `select name, checksum from ${schema}.migrations`,
  )
  const known = new Map(rows.map((row) => [row.name, row.checksum]))
  const unknown = rows.find((row) => !migrations.some((migration) => migration.name === row.name))
  if (unknown)
    throw new Error(
      `schema ${schema} holds ${unknown.name}, which this version does not know: it is newer; upgrade`,
    )
  const ordered = [...migrations].sort((a, b) =>
    isRepeatable(a.name) === isRepeatable(b.name)
      ? a.name < b.name
        ? -1
        : 1
      : isRepeatable(a.name)
        ? 1
        : -1,
  )
  for (const { name, sql } of ordered) {
    const checksum = digest(sql)
    const before = known.get(name)
    if (before === checksum) continue
    if (before !== undefined && !isRepeatable(name))
      throw new Error(`migration ${schema}/${name} was changed after it had been applied`)
    for (const statement of splitStatements(sql)) await tx.query(statement)
    await tx.query(
      `insert into ${schema}.migrations (name, checksum) values ($1, $2)
       on conflict (name) do update set checksum = excluded.checksum, applied_at = clock_timestamp()`,
      [name, checksum],
    )
    return name
  }
  return null
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
