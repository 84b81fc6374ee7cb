/** Completes what is being typed: names of agents, tags, skills, words. */
import type { z } from 'zod'
import type { RegistryContext } from '../context.ts'
import { findNames, findTerms } from './lexicon-queries.ts'
import type { Suggestions } from './schema.ts'
import { keyOf } from './split-words.ts'

/** Names looked at under one prefix. */
const NAMES_MAX = 200
type Items = z.output<typeof Suggestions>['items']

/** GET /discovery/suggest. The kinds take turns, each with its most frequent first; a text comes once. */
export async function suggestTerms(
  ctx: Pick<RegistryContext, 'db'>,
  prefix: string,
  limit: number,
): Promise<{ items: Items }> {
  const key = keyOf(prefix)
  if (key === '') return { items: [] }
  const names = await findNames(ctx.db, key, limit, NAMES_MAX)
  const terms = await findTerms(ctx.db, key, limit)
  const kinds: Items[] = [
    names.map(({ name }) => ({ text: name, kind: 'agent' })),
    ...(['tag', 'skill', 'word'] as const).map(
      (kind): Items => terms.filter((term) => term.kind === kind).map(({ text }) => ({ text, kind })),
    ),
  ]
  const seen = new Set<string>()
  const items: Items = []
  for (let turn = 0; turn < limit; turn++) {
    for (const kind of kinds) {
      const item = kind[turn]
      if (item === undefined || items.length >= limit || seen.has(keyOf(item.text))) continue
      seen.add(keyOf(item.text))
      items.push(item)
    }
  }
  return { items }
}
