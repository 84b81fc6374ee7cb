/** Reads how cert-writer says that the identity stands. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const Status = z.object({
  identity: z.enum(['none', 'ok', 'expiring']),
  spiffe_id: z.string().nullable(),
  not_before: z.iso.datetime().nullable(),
  not_after: z.iso.datetime().nullable(),
  workload_api: z.enum(['connecting', 'connected', 'down', 'denied', 'stopped']),
  since: z.iso.datetime(),
  updated_at: z.iso.datetime(),
})
export type IdentityReport = z.output<typeof Status>

export interface IdentityReader {
  /** Null: cert-writer has said nothing, or nothing readable. */
  read(): Promise<IdentityReport | null>
}

/** Opens it on the folder that cert-writer writes. */
export const openIdentityReader = (folder: string): IdentityReader => ({
  async read() {
    try {
      const parsed = Status.safeParse(JSON.parse(await readFile(join(folder, 'status.json'), 'utf8')))
      return parsed.success ? parsed.data : null
    } catch {
      return null
    }
  },
})
