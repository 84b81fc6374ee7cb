/** What stands beside the doors on a FaaS host: documents made at build time, the pages of mails, and words for stray paths. */
import { idMaker, systemClock, systemRandom } from '#core/platform/context.ts'
import { openInProcess } from '#core/platform/coordination/in-process.ts'
import { noDatabase } from '#core/platform/database/no-database.ts'
import { silentLog } from '#core/platform/log-fields.ts'
import { type App, composeApp, type Pages } from '#core/runtime/compose-app.ts'
import { serveMailPages } from '#core/runtime/serve-mail-pages.ts'
import type { Opened, Platform } from './platform.ts'
import { readEnvironment } from './read-environment.ts'

export interface PagesParts {
  /** Documents by path, as text; `{{PUBLIC_URL}}` stands for the address. */
  readonly documents: Readonly<Record<string, string>>
  /** Every path of the service: a stray one is told which was meant. */
  readonly paths: readonly string[]
}

/** It needs nothing but its own text. */
export const openPages = async (platform: Platform): Promise<Opened<Platform>> => ({
  resources: platform,
  close: async () => undefined,
})

export function composePages({ resources }: Opened<Platform>, { documents, paths }: PagesParts): App {
  const { clock = systemClock, random = systemRandom, source } = resources
  const address = readEnvironment(source).PUBLIC_URL ?? ''
  const known = new Set(paths)
  const pages: Pages = (request, path) => {
    const document = Object.hasOwn(documents, path) ? documents[path] : undefined
    if (document === undefined || !['GET', 'HEAD'].includes(request.method))
      return serveMailPages(request, path)
    const headers = { 'cache-control': 'public, max-age=60', 'access-control-allow-origin': '*' }
    return new Response(document.replaceAll('{{PUBLIC_URL}}', address), {
      headers: { ...headers, 'content-type': 'application/json' },
    })
  }
  const coordination = openInProcess()
  return composeApp(
    [],
    {
      resources: { db: noDatabase, coordination, clock, random, log: silentLog },
      coordination,
      newId: idMaker(clock, random),
      authenticate: async () => null,
      contextOf: (base) => base,
      tierOf: null,
      idempotency: null,
      observe: () => undefined,
      draining: () => false,
    },
    pages,
    (path) => known.has(path),
  )
}
