/** Agents: publish, read, change, retire; their money; the card and the did document that A2A clients resolve. */

import { PageQuery } from '#core/base/shapes.ts'
import {
  createAgentKey,
  listAgentKeys,
  revokeAgentKey,
} from '#core/registry/accounts/credentials/manage-agent-keys.ts'
import {
  AgentKeyCreated,
  AgentKeyPage,
  AgentKeyPath,
  CreateAgentKeyBody,
} from '#core/registry/accounts/credentials/schema.ts'
import { accountErrors } from '#core/registry/accounts/errors.ts'
import { changeStatus } from '#core/registry/agents/change-status.ts'
import { readDidDocument } from '#core/registry/agents/describe-did.ts'
import { agentErrors } from '#core/registry/agents/errors.ts'
import { reportCard } from '#core/registry/agents/judge-card.ts'
import { readAgents } from '#core/registry/agents/list-agents.ts'
import { publishAgent } from '#core/registry/agents/publish-agent.ts'
import { readBalance, readStatement } from '#core/registry/agents/read-account.ts'
import { readAgent, readHostedCard, readVersion, readVersions } from '#core/registry/agents/read-agent.ts'
import { retireAgent } from '#core/registry/agents/retire-agent.ts'
import {
  AgentList,
  AgentPath,
  BalanceQuery,
  CardBody,
  CardReport,
  Envelope,
  EnvelopePage,
  PublishBody,
  RetireQuery,
  StatementQuery,
  StatusBody,
  VersionPage,
  VersionPath,
  VersionWithCard,
} from '#core/registry/agents/schema.ts'
import { updateCard } from '#core/registry/agents/update-card.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { payGrant } from '#core/registry/grants/pay-grant.ts'
import { tegErrors } from '#core/registry/teg-errors.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'
import { Balance, gateErrors, StatementPage } from '#core/wire/teg.ts'

const { get, post, put, patch, delete: del } = rowsOf<RegistryContext>()

const errors = [agentErrors]
const keyErrors = [accountErrors]
const gateToo = [agentErrors, gateErrors, tegErrors]
const insiders = ['developer', 'agent', 'operator', 'auditor'] as const

export default defineFunction<RegistryContext>({
  tag: 'agents',
  bodyLimitBytes: 256 * 1024,
  rows: [
    post(
      '/',
      {
        summary: 'Publishes an agent',
        callers: ['developer'],
        scope: 'agents:write',
        body: PublishBody,
        reply: Envelope,
        status: 201,
        location: (body: Envelope) => `/api/v1/agents/${body.id}`,
        errors,
      },
      async ({ ctx, body }) => {
        const envelope = await publishAgent(ctx, body)
        await payGrant(ctx, envelope.owner)
        return envelope
      },
    ),
    post(
      '/validate',
      {
        summary: 'Tells all faults of a card; nothing is kept',
        callers: 'public',
        body: CardBody,
        reply: CardReport,
        idempotency: 'none',
      },
      ({ body }) => reportCard(body.card),
    ),
    get(
      '/',
      { summary: 'Agents, newest first', callers: 'public', query: AgentList, reply: EnvelopePage },
      ({ ctx, query }) => readAgents(ctx, query),
    ),
    get(
      '/:id',
      {
        summary: 'The envelope of an agent',
        callers: 'public',
        params: AgentPath,
        reply: Envelope,
        alsoStatus: [304],
        condition: 'If-None-Match',
        errors,
      },
      ({ ctx, params, header }) => readAgent(ctx, params.id, header('if-none-match')),
    ),
    put(
      '/:id/card',
      {
        summary: 'A new version of the card (If-Match)',
        callers: ['developer'],
        scope: 'agents:write',
        params: AgentPath,
        body: CardBody,
        reply: Envelope,
        condition: 'If-Match',
        errors,
      },
      ({ ctx, params, body, header }) => updateCard(ctx, params.id, body.card, header('if-match')),
    ),
    patch(
      '/:id/status',
      {
        summary: 'Sets the status: active, deprecated or suspended',
        callers: ['developer', 'operator'],
        scope: 'agents:write',
        params: AgentPath,
        body: StatusBody,
        reply: Envelope,
        // Setting what is set already changes nothing, so a repeat needs no record.
        idempotency: 'none',
        errors: gateToo,
      },
      ({ ctx, params, body }) => changeStatus(ctx, params.id, body),
    ),
    del(
      '/:id',
      {
        summary: 'Retires an agent (If-Match); its balance must be 0 or moved',
        callers: ['developer'],
        scope: 'agents:write',
        params: AgentPath,
        query: RetireQuery,
        condition: 'If-Match',
        // Setting what is set already changes nothing, so a repeat needs no record.
        idempotency: 'none',
        errors: gateToo,
      },
      ({ ctx, params, query, header }) =>
        retireAgent(ctx, params.id, query.move_balance_to, header('if-match')),
    ),
    get(
      '/:id/versions',
      {
        summary: 'Versions of the card, newest first',
        callers: 'public',
        params: AgentPath,
        query: PageQuery,
        reply: VersionPage,
        errors,
      },
      ({ ctx, params, query }) => readVersions(ctx, params.id, query),
    ),
    get(
      '/:id/versions/:sequence',
      {
        summary: 'One version with its card',
        callers: 'public',
        params: VersionPath,
        reply: VersionWithCard,
        errors,
      },
      ({ ctx, params }) => readVersion(ctx, params.id, params.sequence),
    ),
    get(
      '/:id/keys',
      {
        summary: 'Keys of an agent, newest first',
        callers: ['developer'],
        scope: 'agents:read',
        params: AgentPath,
        query: PageQuery,
        reply: AgentKeyPage,
        errors: keyErrors,
      },
      ({ ctx, params, query }) => listAgentKeys(ctx, params.id, query),
    ),
    post(
      '/:id/keys',
      {
        summary: 'Makes a key of an agent; the secret is shown once',
        callers: ['developer'],
        scope: 'agents:write',
        params: AgentPath,
        body: CreateAgentKeyBody,
        reply: AgentKeyCreated,
        status: 201,
        location: (key: { id: string; agent: string }) => `/api/v1/agents/${key.agent}/keys/${key.id}`,
        errors: keyErrors,
      },
      ({ ctx, params, body }) => createAgentKey(ctx, params.id, body),
    ),
    del(
      '/:id/keys/:key_id',
      {
        summary: 'Revokes a key of an agent',
        callers: ['developer'],
        scope: 'agents:write',
        params: AgentKeyPath,
        errors: keyErrors,
      },
      ({ ctx, params }) => revokeAgentKey(ctx, params.id, params.key_id),
    ),
    get(
      '/:id/balance',
      {
        summary: 'Balance now or at a moment',
        callers: insiders,
        scope: 'agents:read',
        params: AgentPath,
        query: BalanceQuery,
        reply: Balance,
        errors: gateToo,
      },
      ({ ctx, params, query }) => readBalance(ctx, params.id, query.at),
    ),
    get(
      '/:id/statement',
      {
        summary: 'Movements, newest first; CSV by Accept',
        callers: insiders,
        scope: 'agents:read',
        params: AgentPath,
        query: StatementQuery,
        reply: StatementPage,
        raw: 'text/csv',
        errors: gateToo,
      },
      ({ ctx, params, query, header }) => readStatement(ctx, params.id, query, header('accept')),
    ),
    get(
      '/:id/did.json',
      {
        summary: 'The did:web document',
        callers: 'public',
        params: AgentPath,
        raw: 'application/did+json',
        cors: true,
        errors,
      },
      ({ ctx, params }) => readDidDocument(ctx, params.id),
    ),
    get(
      '/:id/.well-known/agent-card.json',
      {
        summary: "The hosted card, with the registry's signature",
        callers: 'public',
        params: AgentPath,
        raw: 'application/json',
        cors: true,
        alsoStatus: [304],
        condition: 'If-None-Match',
        errors,
      },
      ({ ctx, params, header }) => readHostedCard(ctx, params.id, header('if-none-match')),
    ),
  ],
})
