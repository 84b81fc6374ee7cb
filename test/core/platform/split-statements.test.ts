import { describe, expect, test } from 'vitest'
import { splitStatements } from '#core/platform/database/migrate.ts'

const cases: [what: string, script: string, statements: string[]][] = [
  ['nothing', '', []],
  ['only comments and semicolons', '-- a; b\n;;/* c; */;', []],
  ['two statements', 'select 1; select 2', ['select 1', 'select 2']],
  ['a last semicolon', 'select 1;\n', ['select 1']],
  ['a semicolon in a text', `select 'a;b'; select 2`, [`select 'a;b'`, 'select 2']],
  ['a doubled quote in a text', `select 'it''s; ok'; select 2`, [`select 'it''s; ok'`, 'select 2']],
  ['a backslash at the end of a plain text', `select 'a\\'; select 2`, [`select 'a\\'`, 'select 2']],
  ['an escaped quote in an E text', `select E'a\\'; b'; select 2`, [`select E'a\\'; b'`, 'select 2']],
  ['an identifier that ends in e before a text', `select name'x;'`, [`select name'x;'`]],
  ['a semicolon in a name', 'select 1 as "a;b"; select 2', ['select 1 as "a;b"', 'select 2']],
  [
    'a line comment with a quote',
    `select 1 -- don't; stop\n; select 2`,
    [`select 1 -- don't; stop`, 'select 2'],
  ],
  ['a block comment', 'select /* ; */ 1; select 2', ['select /* ; */ 1', 'select 2']],
  [
    'nested block comments',
    'select /* a /* ; */ ; */ 1; select 2',
    ['select /* a /* ; */ ; */ 1', 'select 2'],
  ],
  ['a comment before the statement', '-- why\nselect 1;', ['-- why\nselect 1']],
  ['a dollar quoted body', 'do $$ begin; end $$; select 2', ['do $$ begin; end $$', 'select 2']],
  [
    'a tagged body with another inside',
    'do $f1$ a; $$ b; $$ c; $f1$; select 2',
    ['do $f1$ a; $$ b; $$ c; $f1$', 'select 2'],
  ],
  ['a parameter is no dollar quote', 'select $1, $2; select $1', ['select $1, $2', 'select $1']],
]

describe('splitStatements', () => {
  test.each(cases)('%s', (_what, script, statements) => {
    expect(splitStatements(script)).toEqual(statements)
  })
  test('refuses a comment without an end', () => {
    expect(() => splitStatements('select 1 /* ')).toThrow('a comment without an end')
  })
})
