/** What the ledger's database refuses by itself: to the owner of its tables by triggers, to the TEG's role by rights. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { Database } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { migrations } from '#core/teg/migrations.generated.ts'
import { countRows, listTables, type Table } from '#test/support/ledger/list-tables.ts'
import { anyCall, issueToken, redeemToken, setStatus, type TestTeg, transfer } from '#test/support/teg.ts'

export type Verb = 'update' | 'delete' | 'truncate'
const VERBS: readonly Verb[] = ['update', 'delete', 'truncate']

/** What the owner may do to rows that stand; a table that is not named here is history, where nothing may change. */
const ALLOWED: Readonly<Record<string, readonly Verb[]>> = {
  // Balances, and what is remembered of tasks and of the ledger: changed, but never taken away.
  accounts: ['update'],
  meta: ['update'],
  task_epochs: ['update'],
  // To delete a delta is to fold it.
  system_deltas: ['delete'],
  // Queues, and what a key has spent on a day.
  outbox: VERBS,
  open_tokens: VERBS,
  key_spending: VERBS,
  // The platform's: scripts applied, and tasks of the TEG.
  migrations: VERBS,
  incarnation: VERBS,
  singleton_epochs: VERBS,
  task_leases: VERBS,
  task_runs: VERBS,
  tasks: VERBS,
}
const RIGHTS = 'ledger/roles.sql'
/** Inserts that the TEG's role makes itself; all else goes through the gate. */
const INSERTED = ['fee_snapshots']

export interface Guarded {
  /** As the owner of the tables. */
  readonly owner: Database
  /** The TEG under whatever role it has. */
  readonly teg: TestTeg
  /** Runs a statement as the role ninefold_teg. */
  asRole(statement: string): Promise<unknown>
  /** The same as ninefold_auditor. */
  asAuditor(statement: string): Promise<unknown>
}

const statementOf = ({ name, column }: Table, verb: Verb) =>
  verb === 'update'
    ? `update teg.${name} set ${column} = ${column}`
    : verb === 'delete'
      ? `delete from teg.${name}`
      : `truncate teg.${name} cascade`

const move = (kind: 'mint' | 'burn') =>
  `insert into teg.moves (seq, idem, request_hash, amount, created_at, kind)
   values (1, gen_random_uuid(), 1, 5, clock_timestamp(), '${kind}')`
const denied = /permission denied|must be owner/

export function guardsConformance(title: string, open: () => Promise<Guarded>): void {
  describe(title, () => {
    let g: Guarded
    let tables: readonly Table[]
    const owner = (statement: string) => g.owner.query(statement)
    beforeAll(async () => {
      g = await open()
      await writeHistory(g)
      tables = await listTables(g.owner)
    })
    const each = async (check: (table: Table, verb: Verb) => Promise<void>) => {
      for (const table of tables) for (const verb of VERBS) await check(table, verb)
    }

    test('history is every table that is not named otherwise, and refuses its owner UPDATE, DELETE and TRUNCATE', async () => {
      const history = tables.filter(({ name }) => ALLOWED[name] === undefined).map(({ name }) => name)
      expect(history).toEqual([
        'account_steps',
        'fee_snapshots',
        'grants',
        'moves',
        'outbox_numbered',
        'system_accounts',
        'token_steps',
        'tokens',
      ])
      for (const name of Object.keys(ALLOWED)) expect(tables.map((table) => table.name)).toContain(name)
      await each(async (table, verb) => {
        if (ALLOWED[table.name]?.includes(verb)) return
        expect(await countRows(g.owner, table.name), `rows of ${table.name}`).toBeGreaterThan(0)
        const statement = statementOf(table, verb)
        await expect(owner(statement), statement).rejects.toThrow(/^teg\.\w+ is history/)
      })
      for (const statement of ['update teg.transfers set memo = null', 'delete from teg.transfers'])
        await expect(owner(statement), statement).rejects.toThrow('teg.transfers is history')
    })

    test('the role of the TEG may INSERT, UPDATE, DELETE and TRUNCATE no table, the auditor neither; both read', async () => {
      await each(async (table, verb) => {
        const statement = statementOf(table, verb)
        await expect(g.asRole(statement), statement).rejects.toThrow(denied)
        await expect(g.asAuditor(statement), statement).rejects.toThrow(denied)
      })
      for (const { name } of tables) {
        const statement = `insert into teg.${name} default values`
        await expect(g.asAuditor(statement), statement).rejects.toThrow(denied)
        if (!INSERTED.includes(name)) await expect(g.asRole(statement), statement).rejects.toThrow(denied)
        await g.asRole(`select 1 from teg.${name} limit 1`)
        await g.asAuditor(`select 1 from teg.${name} limit 1`)
      }
      for (const statement of [
        'alter table teg.moves disable trigger all',
        'drop trigger guard_supply on teg.moves',
        "select setval('teg.ledger_seq', 5000)",
        "select nextval('teg.ledger_seq')",
        'select teg.fold_deltas(1)',
        move('mint'),
        move('burn'),
        'update teg.meta set minting = true',
        'update teg.meta set ever_minted = false',
        'update teg.meta set incarnation = gen_random_uuid()',
        'update teg.meta set keys_by_time = true',
      ])
        await expect(g.asRole(statement), statement).rejects.toThrow(denied)
      await g.asRole(
        'update teg.meta set identity = identity, restores = restores, restored_label = restored_label',
      )
      await expect(g.asAuditor('select teg.number_outbox(1)')).rejects.toThrow(denied)
    })

    test('what runs with the rights of the owner has its path of names pinned, and only the role may call it', async () => {
      const doors = await g.owner.query<{ name: string; path: string | null; open: boolean; role: boolean }>(
        `select p.proname as name, (select s from unnest(p.proconfig) s where s like 'search_path=%') as path,
           has_function_privilege('ninefold_auditor', p.oid, 'execute') as open,
           has_function_privilege('ninefold_teg', p.oid, 'execute') as role
         from pg_catalog.pg_proc p where p.pronamespace = 'teg'::regnamespace and p.prosecdef order by p.proname`,
      )
      const sealed = { path: 'search_path=pg_catalog, pg_temp', open: false, role: true }
      expect(doors).toEqual(
        ['apply_commands', 'apply_transfers', 'number_outbox'].map((name) => ({ name, ...sealed })),
      )
    })

    test('a door that is made anew is sealed again in the same migration', async () => {
      for (const { name } of migrations.filter((script) => script.name.startsWith('ledger/'))) {
        await g.owner.query("update teg.migrations set checksum = 'another' where name = $1", [name])
        const wanted = name === RIGHTS ? [name] : [name, RIGHTS]
        expect(await migrate(g.owner, 'teg', migrations)).toEqual(wanted)
      }
      const agent = await g.teg.open('1')
      expect(await g.teg.available(agent)).toBe('1')
      await expect(g.asAuditor('select teg.number_outbox(1)')).rejects.toThrow(denied)
    })

    test('without minting authority no movement mints or burns, whoever writes it', async () => {
      for (const kind of ['mint', 'burn'] as const) {
        await expect(owner(move(kind)), kind).rejects.toThrow('teg.moves: this TEG has no minting authority')
        await expect(
          g.owner.transaction(async (tx) => {
            await tx.query('update teg.meta set minting = true')
            await tx.query(move(kind))
            throw new Error('taken back')
          }),
        ).rejects.toThrow('taken back')
      }
    })

    test('what the short way is told to foresee makes no AVT', async () => {
      const [one, two] = [await g.teg.open('5'), await g.teg.open('5')].toSorted()
      /** The gate's short way, called past the TEG: one transfer of 1 AVT from the first to the second, or none at all. */
      const call = (gain: string, fee: string, some = true) => {
        const once = (value: string) => (some ? `'{${value}}'` : `'{}'`)
        return `select (teg.apply_transfers(null, m.keys_by_time, s.id, s.effective_ppm, array['${one}', '${two}']::uuid[], '{${gain}}',
            '{0,0}', '{1,1}', '{0,-1000000}', '{-1000000,0}', ${once('1')}, ${once('2')}, ${once('1000000')}, ${once(fee)},
            ${once(crypto.randomUUID())}, ${once('7')}, '{}', '{}', ${once('0')}, ${once('0')}, ${once('0')}, ${once('0')}, ${once('0')},
            ${once('0')}, '{}')).o_base
          from teg.meta m, (select * from teg.fee_snapshots order by settings_version desc limit 1) s`
      }
      const forged = [
        call('1000000000000,0', '0', false),
        call('0,0', '0', false),
        call('-1000000,1995000', '5000'),
        call('-1000000,1005000', '-5000'),
        call('1000000,995000', '5000'),
      ]
      for (const statement of forged)
        await expect(g.asRole(statement), statement).rejects.toThrow(
          'what was foreseen is not what the transfers give',
        )
      expect([await g.teg.available(one as string), await g.teg.available(two as string)]).toEqual(['5', '5'])
      await g.asRole(call('-1000000,995000', '5000'))
      expect(await g.teg.available(two as string)).toBe('5.995')
    })

    test('that AVT was minted is never forgotten, and the row that says so stays', async () => {
      await owner('update teg.meta set ever_minted = true')
      await expect(owner('update teg.meta set ever_minted = false')).rejects.toThrow('never taken back')
      for (const statement of ['truncate teg.meta', 'delete from teg.meta'])
        await expect(owner(statement)).rejects.toThrow('teg.meta is history')
      await expect(owner('insert into teg.meta default values')).rejects.toMatchObject({ code: '23505' })
      expect(await owner('select ever_minted from teg.meta')).toEqual([{ ever_minted: true }])
    })

    test('system accounts change by folding alone: deltas that are deleted, by whatever statement, are added to them', async () => {
      const sums = () =>
        owner(`select p.account, sum(p.amount)::text as amount, sum(p.credited)::text as credited from (
            select s.account, s.balance as amount, s.credited from teg.system_accounts s union all
            select d.account, d.amount, greatest(d.amount, 0) from teg.system_deltas d) p group by p.account order by 1`)
      const [from, to] = [await g.teg.open('9'), await g.teg.open()]
      for (let n = 0; n < 3; n++) await g.teg.run(transfer(from, to, '1'))
      const before = await sums()
      expect(before).toMatchObject([{ account: 'issuance' }, { account: 'treasury' }])
      await owner(
        'delete from teg.system_deltas where (account, seq) in (select account, seq from teg.system_deltas order by seq limit 2)',
      )
      expect(await sums()).toEqual(before)
      await owner('delete from teg.system_deltas')
      expect(await countRows(g.owner, 'system_deltas')).toBe(0)
      expect(await sums()).toEqual(before)
      await expect(
        owner("insert into teg.system_accounts (account, balance) values ('suspense', 5)"),
      ).rejects.toThrow('it changes by folding deltas only')
    })

    test('the epoch of a task rises or stays', async () => {
      await owner("insert into teg.task_epochs (task, incarnation, epoch) values ('swept', 3, 7)")
      for (const change of ['epoch = 6', 'incarnation = 2, epoch = 99', "task = 'other', epoch = 8"])
        await expect(
          owner(`update teg.task_epochs set ${change} where task = 'swept'`),
          change,
        ).rejects.toThrow('an epoch is never lowered')
      for (const change of ['epoch = 7', 'epoch = 8', 'incarnation = 4, epoch = 0'])
        await owner(`update teg.task_epochs set ${change} where task = 'swept'`)
      expect(await owner("select incarnation, epoch from teg.task_epochs where task = 'swept'")).toEqual([
        { incarnation: 4n, epoch: 0n },
      ])
    })

    test('what earlier versions gave the role is taken back', async () => {
      await g.owner.script(`grant insert, update, delete on teg.system_accounts, teg.system_deltas, teg.moves to ninefold_teg;
        grant update (minting, ever_minted) on teg.meta to ninefold_teg;
        grant usage on sequence teg.ledger_seq to ninefold_teg;
        update teg.migrations set checksum = 'of an earlier version' where name = '${RIGHTS}'`)
      const given = [
        'update teg.system_accounts set balance = balance where false',
        'delete from teg.system_deltas where false',
        'update teg.meta set minting = minting',
        "select nextval('teg.ledger_seq')",
      ]
      for (const statement of given) {
        const outcome = g.asRole(statement).then(
          () => 'done',
          (error: Error) => error.message,
        )
        expect(await outcome, statement).not.toMatch(denied)
      }
      expect(await migrate(g.owner, 'teg', migrations)).toEqual([RIGHTS])
      for (const statement of given) await expect(g.asRole(statement), statement).rejects.toThrow(denied)
    })

    test('a restored copy that came without rights has them again after a migration', async () => {
      await g.owner.script(`revoke all on all tables in schema teg from ninefold_teg;
        grant execute on all functions in schema teg to public;
        update teg.migrations set checksum = 'of another database' where name = '${RIGHTS}'`)
      await expect(g.asRole('select 1 from teg.meta')).rejects.toThrow(denied)
      expect(await migrate(g.owner, 'teg', migrations)).toEqual([RIGHTS])
      await g.asRole('select teg.number_outbox(1)')
      await g.asRole('select 1 from teg.meta')
      await expect(g.asAuditor('select teg.number_outbox(1)')).rejects.toThrow(denied)
    })
  })
}

/** A row in each table of history. */
async function writeHistory({ owner, teg }: Guarded): Promise<void> {
  const [payer, payee] = [await teg.open('5'), await teg.open()]
  await teg.run(transfer(payer, payee, '1'))
  const token = await teg.run(issueToken(payer, payee, '1'))
  await teg.run(redeemToken(payee, token.payment?.id as string))
  await teg.run(setStatus(payee, 2, 'frozen'))
  await teg.client.outbox(anyCall(), 0, 10)
  await owner.query('select teg.fold_deltas(2000)')
  await owner.query("insert into teg.task_epochs (task) values ('seen')")
  await teg.run(transfer(payer, await teg.open(), '1'))
}
