-- The legs of an account as two chains, what it paid and what it was paid: each names the ledger number of the one before it
-- (0: it is the first), the account the last of each. Of sixteen legs one stands in an index, chosen by a hash of its
-- number: a reader enters a chain there and follows it. Two index entries a transfer were a sixth of all that it cost.
drop index teg.moves_out;
drop index teg.moves_in;
alter table teg.accounts add column last_out bigint not null default 0, add column last_in bigint not null default 0;
alter table teg.moves add column from_prev bigint, add column to_prev bigint;
alter table teg.moves disable trigger refuse_change;
with outs as (
  select m.seq, lag(m.seq, 1, 0::bigint) over (partition by m.from_no order by m.seq) as prev
  from teg.moves m where m.from_seq is not null
)
update teg.moves m set from_prev = o.prev from outs o where m.seq = o.seq;
with ins as (
  select m.seq, lag(m.seq, 1, 0::bigint) over (partition by m.to_no order by m.seq) as prev
  from teg.moves m where m.to_seq is not null
)
update teg.moves m set to_prev = i.prev from ins i where m.seq = i.seq;
alter table teg.moves enable trigger refuse_change;
alter table teg.moves drop constraint moves_legs;
alter table teg.moves add constraint moves_legs check (
  case when code is null
    then amount > 0 and fee >= 0 and fee < amount and (from_seq is null) = (from_no is null)
      and (to_seq is null) = (to_no is null) and kind <> 'hold'
      and case kind when 'mint' then from_no is null when 'burn' then to_no is null else to_no is not null end
    else from_seq is null and to_seq is null end
  and (to_seq is null) = (to_balance is null) and (from_seq is null) = (from_balance is null)
  and coalesce(from_prev < seq, from_seq is null) and coalesce(to_prev < seq, to_seq is null));
update teg.accounts a set last_out = o.last
from (select m.from_no as no, max(m.seq) as last from teg.moves m where m.from_seq is not null group by m.from_no) o
where a.no = o.no;
update teg.accounts a set last_in = i.last
from (select m.to_no as no, max(m.seq) as last from teg.moves m where m.to_seq is not null group by m.to_no) i
where a.no = i.no;
create index moves_out on teg.moves (from_no, seq) where from_seq is not null and hashint8(seq) & 15 = 0;
create index moves_in on teg.moves (to_no, seq) where to_seq is not null and hashint8(seq) & 15 = 0;
drop function if exists teg.last_leg(uuid, timestamptz, boolean, bigint);
