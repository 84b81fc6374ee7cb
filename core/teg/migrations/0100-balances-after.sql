-- What the acting account had available after an outcome that no leg of its own tells it of (holds and their ends, redemptions,
-- grants, mint and burn): a repeat is answered with the balance of the first time. Null in rows of transfers and older rows.
alter table teg.moves add column available bigint;
alter table teg.token_steps add column available bigint;
create or replace view teg.transfers as
select m.seq, coalesce(m.id, teg.id_of(m.seq, m.created_at)) as id, m.id as stored_id, m.idem, m.request_hash,
  p.id as from_agent, p.did as from_did, q.id as to_agent, q.did as to_did, m.amount, m.fee, m.from_seq, m.from_balance,
  m.to_seq, m.to_balance, m.created_at, m.fee_ppm, m.fee_snapshot, m.from_held, m.refund_of, m.kind::text as kind, m.scope,
  m.key, m.memo, m.reference, m.code, m.detail, m.available
from teg.moves m left join teg.accounts p on p.no = m.from_no left join teg.accounts q on q.no = m.to_no;
