-- Fences of tasks in the gate. Repeatable.
-- By command: true where a newer holder of its task has been seen, here or in an earlier batch; null without fence. What
-- is seen is kept, whatever becomes of the command: an epoch is (incarnation, counter of at most 18 digits).
create or replace function teg.pass_fences(p_tasks text[], p_extra text[])
returns boolean[] language plpgsql as $$
declare
  v_stale boolean[];
begin
  insert into teg.task_epochs (task) select u.task from unnest(p_tasks) as u(task) order by u.task on conflict do nothing;
  perform from teg.task_epochs e where e.task = any (p_tasks) order by e.task for update;
  with asked as (
    select c.place, c.fence ->> 'task' as task,
      (c.fence ->> 'incarnation')::numeric * 1000000000000000000 + (c.fence ->> 'epoch')::numeric as epoch
    from (select u.place, u.extra::json -> 'fence' as fence from unnest(p_extra) with ordinality as u(extra, place)) c
  ), judged as (
    select a.place, a.task, a.epoch, greatest(e.incarnation::numeric * 1000000000000000000 + e.epoch,
      max(a.epoch) over (partition by a.task order by a.place)) as highest
    from asked a left join teg.task_epochs e on e.task = a.task
  ), raised as (
    update teg.task_epochs e set incarnation = div(h.highest, 1000000000000000000)::bigint,
      epoch = mod(h.highest, 1000000000000000000)::bigint
    from (select j.task, max(j.highest) as highest from judged j group by j.task) h
    where e.task = h.task and e.incarnation::numeric * 1000000000000000000 + e.epoch < h.highest
  )
  select array_agg(j.epoch < j.highest order by j.place) into v_stale from judged j;
  return v_stale;
end $$;

create or replace function teg.stale_epoch() returns text[] language sql immutable as $$
  select array['stale_epoch', 'A newer holder of the task has been here; this one must stop.']
$$;
