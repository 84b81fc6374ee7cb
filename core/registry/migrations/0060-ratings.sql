-- What payers think of what they have paid for: one rating per transfer, never changed.
create table registry.ratings (
  transfer_id uuid primary key,
  rater uuid not null,                 -- the payer's agent
  rated_did text not null,             -- the payee, here or in another registry
  rated uuid,                          -- the payee's agent, where it is one of ours
  score double precision not null constraint ratings_score check (score >= 0 and score <= 1),
  comment text constraint ratings_comment check (char_length(comment) <= 2000),
  rated_by text not null,              -- principal
  created_at timestamptz not null
);
create index ratings_rated on registry.ratings (rated, created_at);
create trigger ratings_kept before update or delete on registry.ratings
  for each row execute function registry.refuse_change();
create trigger ratings_not_emptied before truncate on registry.ratings
  for each statement execute function registry.refuse_change();
