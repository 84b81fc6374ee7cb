/** Serves the log of an EventStore in this process beside the registry's API, under /event-store/. */
import { type App, pathIn } from '#core/runtime/compose-app.ts'

const PREFIX = '/event-store'

/** Everything under the prefix goes to the EventStore, which admits nobody to its inside routes without the token. */
export function serveLog(app: App, eventStore: App | undefined): App {
  if (!eventStore) return app
  return {
    inFlight: app.inFlight,
    fetch(request, facts) {
      // One look spares every other request the cut of its path.
      if (!request.url.includes(PREFIX)) return app.fetch(request, facts)
      const path = pathIn(request.url)
      if (path !== PREFIX && !path.startsWith(`${PREFIX}/`)) return app.fetch(request, facts)
      const url = new URL(request.url)
      url.pathname = path.slice(PREFIX.length) || '/'
      return eventStore.fetch(new Request(url, request), facts)
    },
  }
}
