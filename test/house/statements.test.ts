/** Holds where SQL stands, what it may say, and that nothing leaves the process inside a transaction. */
import { describe, expect, test } from 'vitest'
import { codeFolders, readSources, type Source } from './sources.ts'
import {
  leavingTransactions,
  statementExceptions,
  strayStatements,
  unfitStatements,
  unfitToKeep,
  unguardedPorts,
} from './statements.ts'

const sources = readSources(codeFolders)
const core = sources.filter(({ path }) => path.startsWith('core/'))
const sample = (text: string, path = 'core/registry/agents/publish-agent.ts'): Source[] => [{ path, text }]

describe('the finder of statements', () => {
  test.each([
    'select id from registry.agents',
    'insert into registry.agents (id) values ($1)',
    'update registry.agents set status = $1',
    'update registry.agents a set status = $1',
    'delete from registry.agents where id = $1',
    'with due as (select 1) select * from due',
    'create table registry.things (id uuid)',
    'select pg_advisory_xact_lock(1)',
  ])('sees "%s" in a verb', (sql) => {
    expect(strayStatements(sample(`const rows = tx.query(\`${sql}\`)`))).toEqual([
      'core/registry/agents/publish-agent.ts:1',
    ])
    expect(strayStatements(sample(`tx.query(\`${sql}\`)`, 'core/registry/agents/queries.ts'))).toEqual([])
  })

  test('does not take words for statements', () => {
    expect(
      strayStatements(sample("const words = 'Deleted from the list; update the card and select one'")),
    ).toEqual([])
    expect(strayStatements(sample('// select id from registry.agents'))).toEqual([])
    expect(strayStatements(sample("await run('select 1')"))).toEqual([])
  })

  test.each([
    'select now()',
    'select pg_advisory_lock(1)',
    'select 1; \nlisten hints',
    'select 1;\nset role to x',
  ])('refuses "%s"', (sql) => {
    expect(unfitStatements(sample(`q(\`${sql}\`)`))).toHaveLength(1)
  })

  test('takes the set of an update for what it is', () => {
    expect(unfitStatements(sample('q(`update registry.agents\n set status = $1`)'))).toEqual([])
  })

  test('sees a time of its own in a migration, comments left out', () => {
    expect(
      unfitStatements(sample('-- now()\ncreate table a (at timestamptz default now())', 'a.sql')),
    ).toHaveLength(1)
    expect(unfitStatements(sample('-- now()\nselect 1', 'a.sql'))).toEqual([])
  })
})

describe('the finder of calls inside transactions', () => {
  test.each([
    'await ctx.once(async (tx) => {\n  await ctx.teg.command(call, x)\n})',
    'return ctx.db.transaction(async (tx) => ctx.coordination.publish("a", "b"))',
    'ctx.once<Reply>(async (tx) => { if (a) { await fetch(url) } })',
    'ctx.once((tx) => hashPassword(body.password))',
    'ctx.once(async (tx) => { await ctx.db.query(x) })',
  ])('sees %j', (text) => {
    expect(leavingTransactions(sample(text))).toHaveLength(1)
  })

  test('allows the same call before and after', () => {
    const text =
      'await ctx.teg.ping(c)\nawait ctx.once(async (tx) => {\n  await insert(tx)\n})\nawait fetch(url)'
    expect(leavingTransactions(sample(text))).toEqual([])
  })

  test('sees an adapter that does not refuse', () => {
    const text = "import { Redis } from 'ioredis'\nexport const open = () => new Redis()"
    expect(unguardedPorts(sample(text))).toHaveLength(1)
    expect(unguardedPorts(sample(`${text}\nrefuseInsideTransaction('Redis')`))).toEqual([])
    expect(unguardedPorts(sample("import type { Redis } from 'ioredis'"))).toEqual([])
  })
})

describe('the finder of statements to keep', () => {
  const kept = (text: string, keep: string) => `tx.query<Row>(\`${text}\`, [1], { keep: ${keep} })`

  test.each([
    ['select $1::int, $12::text[]', "'read_it'", 0],
    ['select $1::int, $2', "'read_it'", 1],
    ['select $1::int', 'name', 1],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the sample has a hole.
    ['select ${COLUMNS}', "'read_it'", 1],
  ])('judges %j kept as %s', (text, keep, faults) => {
    expect(unfitToKeep(sample(kept(text, keep)))).toHaveLength(faults)
  })

  test('sees a name that is given twice, and lets others be', () => {
    const one = kept('select 1', "'read_it'")
    expect(unfitToKeep(sample(`${one}\n${one}`))).toEqual([
      "core/registry/agents/publish-agent.ts:2 'read_it' stands for another one, too",
    ])
    expect(unfitToKeep(sample('tx.later(`select $1`, [1])'))).toEqual([])
  })
})

describe('the code', () => {
  test('has SQL only in queries.ts, migrations and the named exceptions', () => {
    expect(strayStatements(sources)).toEqual([])
  })

  test('needs every exception that it is granted', () => {
    const needed = Object.keys(statementExceptions).filter((path) => {
      const text = core.find((source) => source.path === path)?.text ?? ''
      return strayStatements([{ path: 'core/x/verb.ts', text }]).length > 0
    })
    expect(needed).toEqual(Object.keys(statementExceptions))
  })

  test('has no statement with a time of its own or the state of a session', () => {
    expect(unfitStatements([...core, ...readSources(['core'], '.sql')])).toEqual([])
  })

  test('calls no other service, Redis, mail or slow hash inside a transaction', () => {
    expect(leavingTransactions(sources)).toEqual([])
  })

  test('has a guard against transactions in every adapter that reaches the network', () => {
    expect(unguardedPorts(core)).toEqual([])
  })

  test('has only statements to keep that mean the same whenever they were parsed', () => {
    expect(unfitToKeep(core)).toEqual([])
  })
})
