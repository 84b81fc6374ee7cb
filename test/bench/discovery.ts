/** Discovery over 100,000 cards on a PostgreSQL of its own: each kind of query, beside a search that ranks every hit. */
import { cpus, loadavg, totalmem } from 'node:os'
import type { Database } from '#core/platform/database/database.ts'
import { migrate } from '#core/platform/database/migrate.ts'
import { openPg } from '#core/platform/database/pg.ts'
import { countFacets } from '#core/registry/discovery/count-facets.ts'
import { findAgents } from '#core/registry/discovery/find-agents.ts'
import { indexCards } from '#core/registry/discovery/index-card.ts'
import { parseQuestion } from '#core/registry/discovery/parse-question.ts'
import { readAgent } from '#core/registry/discovery/read-agent.ts'
import { refreshLexicon } from '#core/registry/discovery/refresh-lexicon.ts'
import { FacetsQuery, FindQuery } from '#core/registry/discovery/schema.ts'
import { suggestTerms } from '#core/registry/discovery/suggest-terms.ts'
import { migrations } from '#core/registry/migrations.generated.ts'
import { analyzeCards, analyzeTerms, countHits, rankAllHits } from './naive-queries.ts'
import { type Bound, judgeReport, printReport, round, say } from './report.ts'
import { startPostgres } from './start-postgres.ts'
import { type Synthetic, seeded, synthesize } from './synthetic-cards.ts'

const CARDS = Number(process.env.BENCH_CARDS ?? 100_000)
const RUNS = Number(process.env.BENCH_RUNS ?? 200)
const BATCH = 500
const SEED = 20_261_124

interface Times {
  p50: number
  p95: number
  p99: number
}

/** Milliseconds of `runs` calls, after a tenth of them to warm up. */
async function time(runs: number, call: (run: number) => Promise<unknown>): Promise<Times> {
  for (let run = 0; run < runs / 10; run++) await call(run)
  const taken: number[] = []
  for (let run = 0; run < runs; run++) {
    const started = performance.now()
    await call(run)
    taken.push(performance.now() - started)
  }
  taken.sort((a, b) => a - b)
  const at = (share: number) => round(taken[Math.min(runs - 1, Math.floor(runs * share))] ?? Number.NaN)
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

/** Two ways turn by turn in the same run, so that a busy machine hits both. */
async function compare(
  runs: number,
  ours: (run: number) => Promise<unknown>,
  naive: (run: number) => Promise<unknown>,
): Promise<{ ours: Times; naive: Times }> {
  const halves = { ours: [] as Times[], naive: [] as Times[] }
  for (let turn = 0; turn < 4; turn++) {
    halves.ours.push(await time(runs / 4, (run) => ours(turn * runs + run)))
    halves.naive.push(await time(runs / 4, (run) => naive(turn * runs + run)))
  }
  const join = (all: Times[]): Times => {
    const middle = (name: keyof Times) => {
      const sorted = all.map((one) => one[name]).sort((a, b) => a - b)
      return round(((sorted[1] ?? 0) + (sorted[2] ?? 0)) / 2)
    }
    return { p50: middle('p50'), p95: middle('p95'), p99: middle('p99') }
  }
  return { ours: join(halves.ours), naive: join(halves.naive) }
}

async function fill(db: Database, made: Synthetic): Promise<number> {
  const started = performance.now()
  for (let from = 0; from < CARDS; from += BATCH) {
    const entries = Array.from({ length: Math.min(BATCH, CARDS - from) }, (_, i) => ({
      did: made.didOf(from + i),
      agent: null,
      envelope: made.envelopeOf(from + i),
      visible: true,
    }))
    await db.transaction((tx) => indexCards(tx, entries, null))
  }
  return CARDS / ((performance.now() - started) / 1000)
}

const figures: Record<string, number> = {}
const ratios: Record<string, number> = {}
const show = (name: string, ms: Times, note = '') =>
  say(
    `${name.padEnd(34)} ${[ms.p50, ms.p95, ms.p99].map((value) => String(value).padStart(8)).join(' ')}  ${note}`,
  )

async function measureText(db: Database, made: Synthetic): Promise<void> {
  const find = (q: string) => findAgents({ db }, FindQuery.parse({ q, limit: '20' }))
  // A space at the end: the word is whole, so both ways ask for the same lexeme.
  const kinds: [string, (run: number) => string][] = [
    // In nearly every card; in a tenth of them (the worst case of both plans); in one of a hundred; in few.
    ['text_common', (run) => `${made.wordOf(run % 5)} `],
    ['text_tenth', (run) => `${made.wordOf(45 + (run % 10))} `],
    ['text_mid', (run) => `${made.wordOf(900 + (run % 200))} `],
    ['text_rare', (run) => `${made.wordOf(6000 + (run % 1500))} `],
    ['text_two_words', (run) => `${made.wordOf(20 + (run % 20))} ${made.wordOf(300 + (run % 200))} `],
  ]
  for (const [name, ask] of kinds) {
    const tsquery = (run: number) => parseQuestion(ask(run)).tsquery ?? ''
    const { ours, naive } = await compare(
      RUNS,
      (run) => find(ask(run)),
      (run) => rankAllHits(db, tsquery(run)).then((rows) => rows.map((row) => JSON.parse(row.envelope))),
    )
    show(name, ours, `first has ${await countHits(db, tsquery(0))} hits`)
    show(`  ranking every hit`, naive, `${round(naive.p50 / ours.p50)} times ours`)
    Object.assign(figures, { [`${name}_p50_ms`]: ours.p50, [`${name}_p95_ms`]: ours.p95 })
    ratios[`${name}_naive_to_ours`] = round(naive.p50 / ours.p50)
  }
}

async function measureOthers(db: Database, made: Synthetic): Promise<void> {
  const find = (query: Record<string, string>) =>
    findAgents({ db }, FindQuery.parse({ limit: '20', ...query }))
  const cityText = (n: number) =>
    `${made.cityOf(n).latitude.toFixed(4)},${made.cityOf(n).longitude.toFixed(4)}`
  const random = seeded(SEED + 1)
  const misspell = (word: string) => `${word.slice(0, 3)}${word.slice(4)}`
  const kinds: [string, (run: number) => Promise<unknown>][] = [
    ['typo', (run) => find({ q: `${misspell(made.wordOf(1000 + (run % 500)))} ` })],
    ['unfinished_word', (run) => find({ q: made.wordOf(500 + (run % 500)).slice(0, 4) })],
    ['tag', (run) => find({ tag: made.wordOf(run % 50) })],
    [
      'text_and_radius',
      (run) => find({ q: `${made.wordOf(run % 50)} `, near: cityText(run % 400), radius_km: '100' }),
    ],
    ['radius_25_km', (run) => find({ near: cityText(run % 400), radius_km: '25' })],
    ['radius_500_km', (run) => find({ near: cityText(run % 400), radius_km: '500' })],
    ['nearest', (run) => find({ near: cityText(run % 400), sort: 'distance' })],
    ['newest', () => find({ sort: 'newest' })],
    ['best_of_all', () => find({})],
    ['by_reputation', () => find({ sort: 'reputation' })],
    ['suggest', (run) => suggestTerms({ db }, made.wordOf(run % 2000).slice(0, 3), 10)],
    ['read_one', () => readAgent({ db }, made.didOf(Math.floor(random() * CARDS)))],
    [
      'facets_of_a_mid_word',
      (run) => countFacets({ db }, FacetsQuery.parse({ q: `${made.wordOf(100 + (run % 200))} ` })),
    ],
    [
      'facets_of_a_common_word',
      (run) => countFacets({ db }, FacetsQuery.parse({ q: `${made.wordOf(run % 5)} ` })),
    ],
  ]
  for (const [name, call] of kinds) {
    const ms = await time(name.startsWith('facets') ? RUNS / 4 : RUNS, call)
    show(name, ms)
    Object.assign(figures, { [`${name}_p50_ms`]: ms.p50, [`${name}_p95_ms`]: ms.p95 })
  }
}

/** Pages to the end of a common word: every hit once, whatever the blocks. */
async function measureDepth(db: Database, made: Synthetic): Promise<void> {
  const taken: number[] = []
  const seen = new Set<string>()
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const started = performance.now()
    const page: Awaited<ReturnType<typeof findAgents>> = await findAgents(
      { db },
      FindQuery.parse({ q: `${made.wordOf(0)} `, limit: '200', ...(cursor ? { cursor } : {}) }),
    )
    taken.push(performance.now() - started)
    for (const item of page.items) seen.add(item.did)
    cursor = page.next_cursor
  }
  const hits = await countHits(db, parseQuestion(`${made.wordOf(0)} `).tsquery ?? '')
  if (seen.size !== hits) throw new Error(`paging saw ${seen.size} of ${hits} hits`)
  const slowest = round(Math.max(...taken))
  say(`paging through all ${hits} hits: ${taken.length} pages of 200, slowest ${slowest} ms`)
  figures.slowest_page_ms = slowest
}

async function main(): Promise<void> {
  const server = await startPostgres({
    settings: { shared_buffers: '1GB', max_wal_size: '4GB', work_mem: '16MB', jit: 'off' },
  })
  const db = openPg({ url: server.url, max: 4 })
  try {
    say(
      `${cpus()[0]?.model.trim()} x ${cpus().length}, ${Math.round(totalmem() / 2 ** 30)} GB, load ${round(loadavg()[0] ?? 0)} before the start`,
    )
    say(`Node ${process.version}, ${server.version}; ${CARDS} cards, seed ${SEED}, one client, warm`)
    await migrate(db, 'registry', migrations)
    const made = synthesize(SEED)
    figures.cards_indexed_per_second = Math.round(await fill(db, made))
    const started = performance.now()
    await refreshLexicon({ db })
    figures.refresh_lexicon_ms = Math.round(performance.now() - started)
    await analyzeCards(db)
    await analyzeTerms(db)
    say(
      `indexed ${figures.cards_indexed_per_second} cards/s, dictionary counted in ${figures.refresh_lexicon_ms} ms`,
    )
    say(`${'milliseconds'.padEnd(34)} ${['p50', 'p95', 'p99'].map((name) => name.padStart(8)).join(' ')}`)
    await measureText(db, made)
    await measureOthers(db, made)
    await measureDepth(db, made)
    const text = ['text_common', 'text_mid', 'text_rare', 'text_two_words']
    const bounds: Record<string, Bound> = {
      ...Object.fromEntries(
        text.map((name) => [`${name}_p50_ms`, { required: 10, goal: 5, better: 'less' }]),
      ),
      text_common_naive_to_ours: { goal: 5, better: 'more' },
      suggest_p50_ms: { goal: 2, better: 'less' },
      typo_p50_ms: { goal: 10, better: 'less' },
      radius_25_km_p50_ms: { goal: 10, better: 'less' },
    }
    printReport(judgeReport('discovery', figures, ratios, bounds))
  } finally {
    await db.close()
    await server.stop()
  }
}

await main()
