/** The operator's overview: counts of the registry, the books of the TEG, versions. */
import { Problem } from '#core/base/errors.ts'
import { VERSION } from '#core/base/version.ts'
import type { RegistryContext } from '../context.ts'
import { countAll } from './queries.ts'
import type { OverviewOut } from './schema.ts'

/** The TEG's part is null while it does not answer: the rest of the overview is needed then most. */
export async function readOverview(ctx: RegistryContext): Promise<OverviewOut> {
  const [counts, books] = await Promise.all([countAll(ctx.db), readBooks(ctx)])
  const developers = {
    active: Number(counts.accounts_active),
    suspended: Number(counts.accounts_suspended),
  }
  const agents = {
    active: Number(counts.agents_active),
    deprecated: Number(counts.agents_deprecated),
    suspended: Number(counts.agents_suspended),
    retired: Number(counts.agents_retired),
  }
  return {
    version: VERSION,
    developers: { total: sum(developers), ...developers },
    agents: { total: sum(agents), ...agents },
    grants: {
      granted: Number(counts.granted),
      refused: Number(counts.refused),
      due: Number(counts.due),
    },
    ...books,
    journal_head: Number(counts.journal_head),
    settings_version: Number(counts.settings_version),
    as_of: ctx.clock.now().toISOString(),
  }
}

const sum = (parts: Record<string, number>) => Object.values(parts).reduce((a, b) => a + b, 0)

async function readBooks(
  ctx: RegistryContext,
): Promise<Pick<OverviewOut, 'supply' | 'treasury' | 'minting' | 'teg'>> {
  try {
    const [supply, treasury, minting] = await Promise.all([
      ctx.teg.supply(ctx),
      ctx.teg.treasury(ctx),
      ctx.teg.minting(ctx),
    ])
    return { supply, treasury, minting, teg: 'up' }
  } catch (error) {
    if (!(error instanceof Problem) || error.status < 500) throw error
    return { supply: null, treasury: null, minting: null, teg: 'down' }
  }
}
