/** Search over local and federated cards. */
import type { Transport } from './transport.ts'
import type { Found, Page, Search } from './wire.ts'

export const discovery = (client: Transport) => ({
  search: (query?: Search) =>
    client.request<Page<Found>>('GET', '/discovery/agents', { query: { ...query } }),
  /** Every hit of a search, page by page. */
  async *all(query?: Omit<Search, 'cursor'>): AsyncGenerator<Found> {
    let cursor: string | undefined
    do {
      const page: Page<Found> = await client.request('GET', '/discovery/agents', {
        query: { ...query, cursor },
      })
      yield* page.items
      cursor = page.next_cursor ?? undefined
    } while (cursor !== undefined)
  },
  read: (agent: string) => client.request<Found>('GET', `/discovery/agents/${encodeURIComponent(agent)}`),
  facets: (query?: Search) =>
    client.request<Record<string, unknown>>('GET', '/discovery/facets', { query: { ...query } }),
  suggest: (prefix: string) =>
    client.request<Record<string, unknown>>('GET', '/discovery/suggest', { query: { prefix } }),
  registries: () => client.request<Record<string, unknown>>('GET', '/discovery/registries'),
})
