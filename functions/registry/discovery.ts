/** Discovery: search, facets, suggestions and registries over local and federated cards. All of it is public. */
import { PageQuery } from '#core/base/shapes.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { countFacets } from '#core/registry/discovery/count-facets.ts'
import { discoveryErrors } from '#core/registry/discovery/errors.ts'
import { findAgents } from '#core/registry/discovery/find-agents.ts'
import { listRegistries } from '#core/registry/discovery/list-registries.ts'
import { readAgent } from '#core/registry/discovery/read-agent.ts'
import {
  AgentPath,
  Envelope,
  Facets,
  FacetsQuery,
  FindQuery,
  FoundAgents,
  Registries,
  Suggestions,
  SuggestQuery,
} from '#core/registry/discovery/schema.ts'
import { suggestTerms } from '#core/registry/discovery/suggest-terms.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get } = rowsOf<RegistryContext>()

export default defineFunction<RegistryContext>({
  tag: 'discovery',
  timeoutSeconds: 10,
  rows: [
    get(
      '/agents',
      {
        summary: 'Finds agents by text, skills, modes, place and reputation',
        callers: 'public',
        query: FindQuery,
        reply: FoundAgents,
      },
      ({ ctx, query }) => findAgents(ctx, query),
    ),
    get(
      '/agents/:ref',
      {
        summary: 'Reads the envelope of one agent by id or did, wherever it was registered',
        callers: 'public',
        params: AgentPath,
        reply: Envelope,
        errors: [discoveryErrors],
      },
      ({ ctx, params }) => readAgent(ctx, params.ref),
    ),
    get(
      '/facets',
      {
        summary: 'Counts the values that the agents of a search hold',
        callers: 'public',
        query: FacetsQuery,
        reply: Facets,
      },
      ({ ctx, query }) => countFacets(ctx, query),
    ),
    get(
      '/suggest',
      {
        summary: 'Completes a prefix to names, tags, skills and words',
        callers: 'public',
        query: SuggestQuery,
        reply: Suggestions,
      },
      ({ ctx, query }) => suggestTerms(ctx, query.prefix, query.limit),
    ),
    get(
      '/registries',
      {
        summary: 'Lists the registries whose agents are found here, with their places',
        callers: 'public',
        query: PageQuery,
        reply: Registries,
      },
      ({ ctx, query }) => listRegistries(ctx, query),
    ),
  ],
})
