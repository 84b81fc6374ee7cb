/** Rows of /operator/reactors: where reactors stand in the journal, what they gave up on, replays. */
import type { RegistryContext } from '#core/registry/context.ts'
import { reactorErrors } from '#core/registry/stream/errors.ts'
import { listParkedEvents, listReactors } from '#core/registry/stream/list-reactors.ts'
import { dropParked, replayFrom, replayParked } from '#core/registry/stream/replay-reactor.ts'
import {
  ParkedPage,
  ParkedPath,
  ParkedQuery,
  Reactor,
  ReactorPage,
  ReactorPath,
  ReplayFromBody,
  ReplayOut,
} from '#core/registry/stream/schema.ts'
import { defineFunction, rowsOf } from '#core/runtime/define-function.ts'

const { get, post, delete: remove } = rowsOf<RegistryContext>()
const callers = ['operator'] as const
const errors = [reactorErrors]

export default defineFunction<RegistryContext>({
  tag: 'reactors',
  rows: [
    get(
      '/',
      { summary: 'Reactors with their places in the journal', callers, reply: ReactorPage },
      ({ ctx }) => listReactors(ctx),
    ),
    post(
      '/:name/replay',
      {
        summary: 'Let a reactor take the journal again from an index',
        callers,
        params: ReactorPath,
        body: ReplayFromBody,
        reply: Reactor,
        errors,
      },
      ({ ctx, params, body }) => replayFrom(ctx, params.name, body.from),
    ),
    get(
      '/:name/parked',
      {
        summary: 'Events that a reactor has given up on, oldest first, with the last error',
        callers,
        params: ReactorPath,
        query: ParkedQuery,
        reply: ParkedPage,
        errors,
      },
      ({ ctx, params, query }) => listParkedEvents(ctx, params.name, query),
    ),
    post(
      '/:name/parked/replay',
      {
        summary: 'Try all parked events of a reactor again',
        callers,
        params: ReactorPath,
        reply: ReplayOut,
        errors,
      },
      ({ ctx, params }) => replayParked(ctx, params.name, null),
    ),
    post(
      '/:name/parked/:index/replay',
      {
        summary: 'Try a parked event again',
        callers,
        params: ParkedPath,
        reply: ReplayOut,
        errors,
      },
      ({ ctx, params }) => replayParked(ctx, params.name, params.index),
    ),
    remove(
      '/:name/parked/:index',
      { summary: 'Drop a parked event', callers, params: ParkedPath, errors },
      ({ ctx, params }) => dropParked(ctx, params.name, params.index),
    ),
  ],
})
