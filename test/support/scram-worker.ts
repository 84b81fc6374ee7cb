/** The Worker that goes through the bridge with a password: reads, writes in a transaction, and tells what was refused. */
import { openNeon } from '#core/platform/database/neon.ts'

interface Bindings {
  readonly DATABASE_URL: string
  readonly BRIDGE_URL: string
  readonly BRIDGE_TOKEN: string
}

export default {
  async fetch(_request: Request, env: Bindings): Promise<Response> {
    const bridge = { url: env.BRIDGE_URL, token: env.BRIDGE_TOKEN }
    const db = openNeon({ url: env.DATABASE_URL, bridge, max: 1 })
    try {
      const rows = await db.transaction((tx) =>
        tx.query('insert into known (n) values ($1) returning n, current_user as who', [7n]),
      )
      return new Response(
        JSON.stringify(rows, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
      )
    } catch (error) {
      const { code, message } = error as { code?: string; message: string }
      return Response.json({ code, message }, { status: 500 })
    } finally {
      await db.close().catch(() => undefined)
    }
  },
}
