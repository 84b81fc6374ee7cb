-- Mails on their way: written in the command's transaction, sent outside of any.
create table registry.mails (
  id uuid primary key,
  kind text not null,
  recipient text not null,
  recipient_key text not null,         -- case folded: mails an hour are limited by it
  subject text not null,
  body text,                           -- sealed: it holds a secret link; null once sent or given up
  state text not null default 'waiting' check (state in ('waiting', 'sent', 'failed')),
  attempts integer not null default 0,
  next_attempt_at timestamptz not null, -- while a mail is being sent: the end of the lease
  useless_after timestamptz not null,  -- when the link inside has expired
  last_error text,
  created_at timestamptz not null,
  finished_at timestamptz
);
create index mails_due on registry.mails (next_attempt_at) where state = 'waiting';
create index mails_recipient on registry.mails (recipient_key, created_at);
create index mails_finished on registry.mails (finished_at) where state <> 'waiting';
