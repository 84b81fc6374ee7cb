/** What operators read and set. */
import { PageQuery } from '#core/base/shapes.ts'
import { changeAccount } from '#core/registry/accounts/change-account.ts'
import { accountErrors } from '#core/registry/accounts/errors.ts'
import { listAccounts } from '#core/registry/accounts/list-accounts.ts'
import { Account, AccountPage, AccountsQuery, ChangeAccountBody } from '#core/registry/accounts/schema.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { readOverview } from '#core/registry/health/read-overview.ts'
import { readTreasury } from '#core/registry/health/read-treasury.ts'
import { OverviewOut, TreasuryOut } from '#core/registry/health/schema.ts'
import { burn, mint } from '#core/registry/minting/change-supply.ts'
import { BurnIn, MintIn, SupplyChangeOut } from '#core/registry/minting/schema.ts'
import { changeSettings } from '#core/registry/settings/change-settings.ts'
import { settingsErrors } from '#core/registry/settings/errors.ts'
import { listFees } from '#core/registry/settings/list-fees.ts'
import { listSettings } from '#core/registry/settings/list-settings.ts'
import { FeeRecordPage, SettingsOut, SettingsPatchIn } from '#core/registry/settings/schema.ts'
import { tegErrors } from '#core/registry/teg-errors.ts'
import { transferErrors } from '#core/registry/transfers/errors.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, patch, post } = rowsOf<RegistryContext>()

export default defineFunction<RegistryContext>({
  tag: 'operator',
  rows: [
    get(
      '/overview',
      {
        summary: 'Counts of developers, agents and grants; supply, treasury, versions',
        callers: ['operator'],
        reply: OverviewOut,
      },
      ({ ctx }) => readOverview(ctx),
    ),
    get(
      '/treasury',
      {
        summary: 'Read the treasury, where fees go',
        callers: ['operator'],
        reply: TreasuryOut,
        errors: [tegErrors],
      },
      ({ ctx }) => readTreasury(ctx),
    ),
    get(
      '/fees',
      {
        summary: 'List the fee records: every rate that was in force, newest first',
        callers: ['operator'],
        query: PageQuery,
        reply: FeeRecordPage,
        errors: [tegErrors],
      },
      ({ ctx, query }) => listFees(ctx, query),
    ),
    post(
      '/mint',
      {
        summary: 'Issue AVT to an agent or the treasury; only where MINTING_AUTHORITY is teg-layer',
        callers: ['operator'],
        body: MintIn,
        reply: SupplyChangeOut,
        idempotency: 'gate',
        errors: [transferErrors, tegErrors],
      },
      ({ ctx, body }) => mint(ctx, body),
    ),
    post(
      '/burn',
      {
        summary: 'Destroy AVT of the treasury or an agent; only where MINTING_AUTHORITY is teg-layer',
        callers: ['operator'],
        body: BurnIn,
        reply: SupplyChangeOut,
        idempotency: 'gate',
        errors: [transferErrors, tegErrors],
      },
      ({ ctx, body }) => burn(ctx, body),
    ),
    get(
      '/settings',
      {
        summary: 'List every setting with its bounds and its source; the fee rate is the one in force',
        callers: ['operator'],
        reply: SettingsOut,
        errors: [settingsErrors, tegErrors],
      },
      ({ ctx }) => listSettings(ctx),
    ),
    patch(
      '/settings',
      {
        summary: 'Change settings; null returns one to the environment',
        callers: ['operator'],
        body: SettingsPatchIn,
        reply: SettingsOut,
        idempotency: 'record',
        errors: [settingsErrors, tegErrors],
      },
      ({ ctx, body }) => changeSettings(ctx, body),
    ),
    get(
      '/accounts',
      {
        summary: 'List accounts, newest first, or find the one of an address',
        callers: ['operator'],
        query: AccountsQuery,
        reply: AccountPage,
        errors: [accountErrors],
      },
      ({ ctx, query }) => listAccounts(ctx, query),
    ),
    patch(
      '/accounts',
      {
        summary: 'Set roles of an account, suspend it or let it in again',
        callers: ['operator'],
        body: ChangeAccountBody,
        reply: Account,
        idempotency: 'record',
        errors: [accountErrors],
      },
      ({ ctx, body: { account, ...change } }) => changeAccount(ctx, account, change),
    ),
  ],
})
