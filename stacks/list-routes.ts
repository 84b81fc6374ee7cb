/** The routes that a gateway is given: every path of every door of the registry, and all else to the pages. */
import { loadDoors, pathOf } from '#core/runtime/compose-app.ts'
import { registryDoors } from '#functions/index.ts'
import { listEntries } from './list-entries.ts'

export interface Route {
  /** As gateways write it: `/api/v1/agents/{id}`; `$default` takes the rest. */
  readonly path: string
  /** The entry behind it. */
  readonly entry: string
}

/** All routes; two doors may stand under one prefix, but no path belongs to two. */
export async function listRoutes(): Promise<Route[]> {
  const doors = listEntries().filter((entry) => entry.kind === 'door' && entry.service === 'registry')
  const mounted = await loadDoors(registryDoors, 'registry')
  const owners = new Map<string, string>()
  for (const [at, { prefix, group }] of mounted.entries()) {
    const name = doors[at]?.name as string
    for (const row of group.rows) {
      const path = pathOf(prefix, row.path).replace(/:([a-z_]+)(\{[^}]*\})?/g, '{$1}')
      const owner = owners.get(path)
      if (owner !== undefined && owner !== name) throw new Error(`${path} belongs to ${owner} and to ${name}`)
      owners.set(path, name)
    }
  }
  const routes = [...owners].map(([path, entry]) => ({ path, entry }))
  return [...routes, { path: '$default', entry: 'registry-pages' }]
}

/** The entry that answers a path, as a gateway chooses: what is written out stands before a parameter. */
export function chooseRoute(routes: readonly Route[], path: string): string {
  const parts = path.split('/')
  const fits = ({ path: pattern }: Route) => {
    const wanted = pattern.split('/')
    return wanted.length === parts.length && wanted.every((one, i) => one.startsWith('{') || one === parts[i])
  }
  const parameters = ({ path: pattern }: Route) => pattern.split('{').length
  const [first] = routes.filter(fits).sort((a, b) => parameters(a) - parameters(b))
  return first?.entry ?? routes.find(({ path: one }) => one === '$default')?.entry ?? ''
}
