/** Counts the values that the matches of a search hold, for filters in a user interface. */
import type { z } from 'zod'
import type { RegistryContext } from '../context.ts'
import { filtersOf, repairFilters } from './find-agents.ts'
import { countValues } from './queries.ts'
import type { FacetName, Facets, FindFilters } from './schema.ts'

/** Matches that are looked at, the best quality first; beyond it the counts are approximate. */
const MATCHES_MAX = 5000
/** Values shown of one facet. */
const VALUES_MAX = 20

type Counted = z.output<typeof Facets>

/** GET /discovery/facets. Typos are repaired as in the search itself. */
export async function countFacets(ctx: Pick<RegistryContext, 'db'>, query: FindFilters): Promise<Counted> {
  const read = filtersOf(query)
  if (read === null) return toFacets([])
  const rows = await countValues(ctx.db, read.filters, MATCHES_MAX, VALUES_MAX)
  const counted = toFacets(rows)
  if (rows.some((row) => row.facet === 'total' && row.count > 0)) return counted
  const repaired = await repairFilters(ctx, query.q, read)
  if (!repaired) return counted
  return toFacets(await countValues(ctx.db, repaired.filters, MATCHES_MAX, VALUES_MAX))
}

function toFacets(rows: readonly { facet: string; value: string | null; count: number }[]): Counted {
  const of = (facet: FacetName) =>
    rows.flatMap((row) =>
      row.facet === facet && row.value !== null ? [{ value: row.value, count: row.count }] : [],
    )
  return {
    facets: {
      tags: of('tags'),
      skills: of('skills'),
      input_modes: of('input_modes'),
      output_modes: of('output_modes'),
      bindings: of('bindings'),
      providers: of('providers'),
      countries: of('countries'),
      registries: of('registries'),
      signature_status: of('signature_status'),
    },
    approximate: rows.some((row) => row.facet === 'total' && row.count >= MATCHES_MAX),
  }
}
