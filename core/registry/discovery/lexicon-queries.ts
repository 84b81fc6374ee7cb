/** Statements of the dictionary: words, tags and skills with the number of cards that hold them. */
import type { Queryable, Transaction } from '#core/platform/database/database.ts'
import type { Term } from './rules.ts'

/** Adds terms that are not known yet. Nobody waits for a rival's term: twins are removed by the next count. */
export const insertTerms = (tx: Transaction, terms: readonly Term[]) =>
  tx.query(
    `insert into registry.discovery_terms (kind, key, text, cards)
     select r.kind, r.key, r.text, 1 from json_to_recordset($1::json) as r (kind text, key text, text text)
     where not exists (select from registry.discovery_terms t
       where t.key = r.key and t.kind = r.kind and t.text = r.text and t.cards > 0)`,
    [JSON.stringify(terms)],
  )

/**
 * Counts the cards of every term anew. A term that no card holds keeps its row with 0 until the next count, because a
 * publisher may just have relied on it; twins and terms that were 0 before are deleted.
 */
export const recountTerms = async (tx: Transaction) => {
  const rows = await tx.query<{ changed: number; deleted: number }>(
    `with counted as materialized (
       select 'word' as kind, word as text, ndoc::bigint as cards
       from ts_stat('select search from registry.discovery_cards where visible')
       union all
       select 'tag', tag, count(*) from registry.discovery_cards c, unnest(c.tags) tag where c.visible group by tag
       union all
       select 'skill', skill, count(*) from registry.discovery_cards c, unnest(c.skill_names) skill
       where c.visible group by skill
     ), judged as materialized (
       select t.id, t.cards as before, coalesce(c.cards, 0) as cards,
         row_number() over (partition by t.kind, t.key, t.text order by t.id) as nth
       from registry.discovery_terms t left join counted c on c.kind = t.kind and c.text = t.text
     ), deleted as (
       delete from registry.discovery_terms t using judged j
       where t.id = j.id and (j.nth > 1 or (j.cards = 0 and j.before = 0)) returning 1
     ), changed as (
       update registry.discovery_terms t set cards = j.cards from judged j
       where t.id = j.id and j.nth = 1 and j.cards <> j.before returning 1
     )
     select (select count(*)::int from changed) as changed, (select count(*)::int from deleted) as deleted`,
  )
  return rows[0] ?? { changed: 0, deleted: 0 }
}

/** Terms whose key begins with a prefix, the most frequent `most` of each kind. */
export const findTerms = (db: Queryable, prefix: string, most: number) =>
  db.query<{ kind: 'word' | 'tag' | 'skill'; key: string; text: string }>(
    `select kind, key, text from (
       select t.kind, t.key, t.text, max(t.cards) as cards,
         row_number() over (partition by t.kind order by max(t.cards) desc, t.key, t.text collate "C") as nth
       from registry.discovery_terms t
       where t.key >= $1::text and t.key < $1::text || chr(1114111) and t.cards > 0
       group by t.kind, t.key, t.text
     ) ranked where nth <= $2::bigint order by kind, nth`,
    [prefix, most],
  )

/** Names that begin with a prefix: of the first `cap` in the alphabet the `most` of the best quality. */
export const findNames = (db: Queryable, prefix: string, most: number, cap: number) =>
  db.query<{ name: string }>(
    `select name from (
       select name, max(quality) as quality from (
         select c.name, c.quality from registry.discovery_cards c
         where c.visible and c.name_key >= $1::text and c.name_key < $1::text || chr(1114111)
         order by c.name_key limit $3::bigint
       ) begun group by name
     ) named order by quality desc, name collate "C" limit $2::bigint`,
    [prefix, most, cap],
  )

/** Which of the words (or beginnings of words) no card holds. */
export const findUnknown = (db: Queryable, words: readonly string[], prefixes: readonly boolean[]) =>
  db.query<{ word: string }>(
    `select w.word from unnest($1::text[], $2::boolean[]) as w (word, prefix)
     where not exists (select from registry.discovery_terms t
       where t.kind = 'word' and t.cards > 0 and t.key >= w.word
         and t.key < w.word || case when w.prefix then chr(1114111) else chr(1) end)`,
    [words, prefixes],
  )

/** Known words that share letters with a word, the most alike first. */
export const findSimilar = (db: Queryable, word: string, most: number) =>
  db.query<{ word: string; cards: bigint }>(
    'select word, cards from registry.similar_words($1::text, $2::integer)',
    [word, most],
  )
