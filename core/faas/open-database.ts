/** Opens the database of a function by the driver that the configuration names; each is loaded only where it is asked for. */
import type { Config } from '#core/platform/config.ts'
import type { Database } from '#core/platform/database/database.ts'

/** @param name of the service, in the server's list of connections */
export async function openFaasDatabase(
  config: Config,
  url: string | undefined,
  name: string,
  connections: number,
): Promise<Database> {
  if (!url) throw new Error(`The function has no address of the database of ${name}`)
  const { DATABASE_DRIVER: driver, NEON_BRIDGE_URL: bridge, NEON_BRIDGE_TOKEN: token } = config
  const way = { url, ...(bridge && token ? { bridge: { url: bridge, token } } : {}) }
  if (driver === 'neon') {
    const { openNeon } = await import('#core/platform/database/neon.ts')
    return openNeon({ ...way, max: connections })
  }
  if (driver === 'neon-http') {
    const { openNeonHttp } = await import('#core/platform/database/neon-http.ts')
    return openNeonHttp(way)
  }
  const { openPg } = await import('#core/platform/database/pg.ts')
  return openPg({ url, max: connections, applicationName: `ninefold-${name}` })
}
