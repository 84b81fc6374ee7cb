-- The budget of a day (micro-AVT) that a due grant found used up: under a greater one it is tried again at once, not tomorrow.
alter table registry.grants_due add column budget_used_up bigint;
