/** What must hold in every committed ledger, asked of its tables; the answer is the list of what does not. */
import type { Database } from '#core/platform/database/database.ts'

/** name, statement that gives a row for every violation */
const checks: readonly [string, string][] = [
  [
    'legs of a movement sum to zero',
    'select p.transfer_id from teg.postings p group by p.transfer_id having sum(p.amount) <> 0',
  ],
  [
    'a balance is the fold of its postings',
    `select a.id from teg.accounts a left join teg.postings p on p.account = a.id::text
     group by a.id, a.balance having coalesce(sum(p.amount), 0) <> a.balance`,
  ],
  [
    'an account counts its legs without gap, and each running balance follows from the one before',
    `select l.account from (
       select p.account, p.amount, p.balance_after, p.account_seq,
         row_number() over w as place, coalesce(lag(p.balance_after) over w, 0) as before
       from teg.postings p where p.account_seq is not null window w as (partition by p.account order by p.account_seq)
     ) l where l.account_seq <> l.place or l.before + l.amount <> l.balance_after`,
  ],
  [
    'an account knows its last leg',
    `select a.id from teg.accounts a left join teg.postings p on p.account = a.id::text
     group by a.id, a.seq having count(p.account_seq) <> a.seq`,
  ],
  [
    'legs follow the ledger numbers',
    `select l.account from (select p.account, p.seq, lag(p.seq) over (partition by p.account order by p.account_seq) as before
     from teg.postings p where p.account_seq is not null) l where l.before >= l.seq`,
  ],
  [
    'along the legs of an account, and up to the time that it knows, times do not fall',
    `select l.account from (select p.account, p.created_at, lag(p.created_at) over (partition by p.account order by p.account_seq) as before
       from teg.postings p where p.account_seq is not null) l where l.before > l.created_at
     union all select a.id::text from teg.accounts a join teg.moves m on m.seq in (a.last_out, a.last_in) 
       where a.last_at > '-infinity' and m.created_at > a.last_at`,
  ],
  [
    'each leg names the one before it among what its account paid or was paid, and the account the last',
    `select c.no from (
       select l.no, l.seq, l.prev, lag(l.seq, 1, 0::bigint) over (partition by l.no, l.way order by l.seq) as before
       from (select m.from_no as no, 1 as way, m.seq, m.from_prev as prev from teg.moves m where m.from_seq is not null
         union all select m.to_no, 2, m.seq, m.to_prev from teg.moves m where m.to_seq is not null
         union all select a.no, 1, 9223372036854775807, a.last_out from teg.accounts a
         union all select a.no, 2, 9223372036854775807, a.last_in from teg.accounts a) l
     ) c where c.prev is distinct from c.before
     union all select 0 from teg.moves m where (m.from_seq is null) <> (m.from_prev is null)
       or (m.to_seq is null) <> (m.to_prev is null)`,
  ],
  [
    'no leg of an account is younger than the last batch that the account knows',
    `select a.id from teg.accounts a where a.last_batch > 0 and greatest(a.last_out, a.last_in) >= a.last_batch + 5000`,
  ],
  [
    'issued less destroyed is what circulates, with the treasury',
    `select 1 from (select coalesce(sum(g.amount), 0) as amount from teg.grants g) g,
       (select coalesce(sum(a.balance + a.staked + a.unbonding), 0) as amount from teg.accounts a) a,
       (select coalesce(sum(t.fee), 0) as fees,
          coalesce(sum(t.amount) filter (where t.kind = 'mint'), 0) as minted,
          coalesce(sum(t.amount) filter (where t.kind = 'burn'), 0) as burned,
          coalesce(sum(case t.kind when 'mint' then t.amount when 'burn' then -t.amount end)
            filter (where t.from_agent is null and t.to_agent is null), 0) as taken
        from teg.transfers t where t.code is null) f
     where g.amount + f.minted - f.burned <> a.amount + f.fees + f.taken or f.fees + f.taken < 0`,
  ],
  [
    'what is held is the sum of the tokens that have not ended, and never more than the balance',
    `select a.id from teg.accounts a
     left join (select k.payer, sum(k.amount) as held from teg.tokens k
       where not exists (select from teg.token_steps s where s.token = k.id) group by k.payer) h on h.payer = a.id
     left join (select o.payer, sum(o.amount) as held from teg.open_tokens o group by o.payer) q on q.payer = a.id
     where a.held <> coalesce(h.held, 0) or a.held <> coalesce(q.held, 0) or a.held > a.balance`,
  ],
  [
    'a redemption is its movement, and a held outcome its token',
    `select s.token from teg.token_steps s join teg.tokens k on k.id = s.token
     left join teg.transfers t on t.id = s.transfer and t.seq = s.seq and t.kind = 'payment' and t.code is null
       and t.amount = s.amount and t.from_agent = k.payer and t.to_agent = k.payee
     where s.status = 2 and (t.id is null or s.amount > k.amount or s.created_at >= k.expires_at)
     union all select t.id from teg.transfers t where t.kind = 'payment' and t.code is null
       and not exists (select from teg.token_steps s where s.transfer = t.id)
     union all select t.id from teg.transfers t where (t.code = 'held')
       <> exists (select from teg.tokens k where k.id = t.id and k.seq = t.seq and k.payer = t.from_agent)`,
  ],
  [
    'system accounts are the fold of their legs',
    `select k.account from (
       select s.account, s.balance as amount from teg.system_accounts s
       union all select d.account, d.amount from teg.system_deltas d
       union all select substr(p.account, 8), -p.amount from teg.postings p where p.account like 'system:%'
     ) k group by k.account having sum(k.amount) <> 0`,
  ],
  [
    'events are numbered from 1 without gap, one for each movement and each step of a token',
    `select 1 from (select b.number_first, b.number_last, lag(b.number_last, 1, 0::bigint) over (order by b.number_last) as before
       from teg.outbox_numbered b) n where n.number_first <> n.before + 1
     union all select 1 from (select coalesce(max(b.number_last), 0) as numbered from teg.outbox_numbered b) n
     where n.numbered <> (select count(*) from teg.transfers t where t.code is null)
       + (select count(*) from teg.tokens) + (select count(*) from teg.token_steps)`,
  ],
  [
    'refunds pay back no more than was received',
    `select t.id from teg.transfers t join teg.transfers r on r.refund_of = t.id and r.code is null
     group by t.id, t.amount, t.fee having sum(r.amount) > t.amount - t.fee`,
  ],
]

/** Names of the checks that fail; the outbox is numbered first. */
export async function findFaults(db: Database): Promise<string[]> {
  await db.query('select teg.number_outbox(100000)')
  const faults: string[] = []
  for (const [name, statement] of checks) if ((await db.query(statement)).length > 0) faults.push(name)
  return faults
}
