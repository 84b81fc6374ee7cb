/** Audit: the supply for everybody, the ledger's postings for auditors. */
import { listPostings } from '#core/registry/audit/list-postings.ts'
import { readSupply } from '#core/registry/audit/read-supply.ts'
import { LedgerOut, LedgerQuery, SupplyOut } from '#core/registry/audit/schema.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { tegErrors } from '#core/registry/teg-errors.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get } = rowsOf<RegistryContext>()

export default defineFunction<RegistryContext>({
  tag: 'audit',
  rows: [
    get(
      '/supply',
      {
        summary: 'Read the supply: issued - destroyed + transit_net = circulating',
        callers: 'public',
        reply: SupplyOut,
        errors: [tegErrors],
      },
      ({ ctx }) => readSupply(ctx),
    ),
    get(
      '/ledger',
      {
        summary: "List the ledger's postings in the order of its commits",
        callers: ['auditor', 'operator'],
        query: LedgerQuery,
        reply: LedgerOut,
        errors: [tegErrors],
      },
      ({ ctx, query }) => listPostings(ctx, query),
    ),
  ],
})
