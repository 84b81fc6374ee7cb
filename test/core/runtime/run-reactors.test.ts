import { afterAll, describe, expect, test } from 'vitest'
import { backgroundCall } from '#core/platform/background-call.ts'
import type { RegistryContext } from '#core/registry/context.ts'
import { reactorStore } from '#core/registry/stream/reactor-store.ts'
import type { Reactor } from '#core/runtime/define-reactor.ts'
import { RETRY_SECONDS, runReactor, startReactors } from '#core/runtime/run-reactors.ts'
import { reactions } from '#functions/reactors/index.ts'
import { journalOf } from '#test/support/journal.ts'
import { startSystem } from '#test/support/system.ts'

const { registry, clock, woken } = await startSystem()
const journal = journalOf(registry)
afterAll(() => registry.feed.close())
await registry.db.query('create table registry.effects (reactor text, index bigint)')

/** A reactor whose effect is a row; it fails for events whose data says so. */
const recorder = (name: string, on: string): Reactor<RegistryContext> => ({
  on,
  async run(_ctx, event, tx) {
    await tx.query('insert into registry.effects values ($1, $2)', [name, event.index])
    if (event.data.fails) throw new Error('the effect failed')
    return undefined
  },
})
const effects = async (name: string) =>
  (
    await registry.db.query<{ index: bigint }>(
      'select index from registry.effects where reactor = $1 order by index',
      [name],
    )
  ).map(({ index }) => Number(index))
const cursor = async (name: string) =>
  (
    await registry.db.query<{ index: bigint; attempts: number }>(
      'select index, attempts from registry.reactor_cursors where reactor = $1',
      [name],
    )
  )[0]
const turn = (name: string, reactor: Reactor<RegistryContext>) =>
  runReactor(journal.open(), reactorStore, name, reactor)
async function finish(name: string, reactor: Reactor<RegistryContext>) {
  while ((await turn(name, reactor)).more);
}

describe('reactors', () => {
  test('act once on each matching event, in order, and look past the others', async () => {
    const head = await journal.tell({ type: 'a.b' }, { type: 'c.d' }, { type: 'a.b' }, { type: 'c.d' })
    const reactor = recorder('once', 'a.*')
    await finish('once', reactor)
    await finish('once', reactor)
    expect(await effects('once')).toEqual([head - 3, head - 1])
    expect(await cursor('once')).toEqual({ index: BigInt(head), attempts: 0 })
  })

  test('two processes at once act once', async () => {
    const reactor = recorder('pair', '>')
    await Promise.all([finish('pair', reactor), finish('pair', reactor), finish('pair', reactor)])
    await finish('pair', reactor)
    const all = await effects('pair')
    expect(all).toEqual(Array.from({ length: all.length }, (_, i) => i + 1))
  })

  test('a failure rolls the effect back and is tried again, then the event is parked and the cursor goes on', async () => {
    const reactor = recorder('parks', 'bad.*')
    await finish('parks', reactor)
    const head = await journal.tell({ type: 'bad.one', data: { fails: true } }, { type: 'bad.two' })
    for (const [i, seconds] of RETRY_SECONDS.entries()) {
      expect(await turn('parks', reactor)).toEqual({ more: false, acted: null })
      expect(await cursor('parks')).toMatchObject({ attempts: i + 1 })
      // Not due yet: it is left alone.
      expect(await turn('parks', reactor)).toEqual({ more: false, acted: null })
      expect(await cursor('parks')).toMatchObject({ attempts: i + 1 })
      clock.advance(seconds * 1000)
    }
    expect(await effects('parks')).toEqual([])
    expect(await turn('parks', reactor)).toEqual({ more: true, acted: null })
    await finish('parks', reactor)
    expect(await effects('parks')).toEqual([head])
    const parked = await registry.db.query(
      'select reactor, index, error, attempts from registry.reactor_parked',
    )
    expect(parked).toEqual([
      {
        reactor: 'parks',
        index: BigInt(head - 1),
        error: 'Error: the effect failed',
        attempts: RETRY_SECONDS.length + 1,
      },
    ])
  })

  test('looks past more events of other types than one turn reads, and acts on the one behind them', async () => {
    const reactor = recorder('far', 'far.*')
    await finish('far', reactor)
    for (let i = 0; i < 1_100; i++) await journal.emit({ type: 'near.one' })
    await journal.drain()
    const head = await journal.tell({ type: 'far.one' }, { type: 'near.two' })
    await finish('far', reactor)
    expect(await effects('far')).toEqual([head - 1])
    expect(await cursor('far')).toEqual({ index: BigInt(head), attempts: 0 })
  })

  test('an event that is tried again after parking is the same as before, with document, audience and targets', async () => {
    const account = '01900000-0000-7000-8000-0000000000aa'
    const seen: unknown[] = []
    let fails = true
    const reactor: Reactor<RegistryContext> = {
      on: 'again.*',
      run: async (_ctx, { id, index, type, subject, time, data, audience, targets }) => {
        seen.push({ id, index, type, subject, time, data, audience, targets })
        if (fails) throw new Error('not yet')
        return undefined
      },
    }
    await finish('again', reactor)
    const head = await journal.tell({ type: 'again.one', data: { a: [1] }, audience: [account] })
    for (const seconds of RETRY_SECONDS) {
      await turn('again', reactor)
      clock.advance(seconds * 1000)
    }
    await turn('again', reactor)
    fails = false
    await registry.db.query(
      "update registry.reactor_parked set replay_at = parked_at where reactor = 'again'",
    )
    await turn('again', reactor)
    expect(seen).toHaveLength(RETRY_SECONDS.length + 2)
    expect(seen.at(-1)).toEqual(seen[0])
    expect(seen[0]).toMatchObject({ index: BigInt(head), data: { a: [1] }, audience: [account], targets: 7 })
  })

  test('a hint is given after the commit, and not when the transaction fails', async () => {
    await journal.tell({ type: 'hint.one' })
    const seen: (number | undefined)[] = []
    const reactor: Reactor<RegistryContext> = {
      on: 'hint.*',
      run: async (_ctx, event, tx) => {
        await tx.query('insert into registry.effects values ($1, $2)', ['hint', event.index])
        if (event.data.fails) throw new Error('no')
        return () => seen.push(Number(event.index))
      },
    }
    await finish('hint', reactor)
    const head = await journal.tell({ type: 'hint.two', data: { fails: true } })
    await finish('hint', reactor)
    expect(seen).toEqual([head - 1])
  })

  test('agent.published wakes the grants', async () => {
    const running = await startReactors<RegistryContext>(
      {
        reactions,
        store: reactorStore,
        open: (name, signal) => ({ ...registry, ...backgroundCall(registry, name, signal) }),
      },
      registry,
    )
    woken.length = 0
    await journal.tell({ type: 'agent.updated' }, { type: 'agent.published' })
    running.wake()
    await expect.poll(() => woken).toContain('grants')
    await running.stop()
    const before = await cursor('grant-genesis')
    await journal.tell({ type: 'agent.published' })
    expect(await cursor('grant-genesis')).toEqual(before)
  })

  test('what a holder does under an older epoch is refused, its effect too', async () => {
    const reactor = recorder('tenure', 'tenure.*')
    const begin = (holder: string) =>
      registry.db.transaction(async (tx) => {
        await reactorStore.ensure(tx, journal.open(), 'tenure')
        return reactorStore.takeEpoch(tx, journal.open(), 'tenure', holder)
      })
    const under = (epoch: bigint, one = reactor) =>
      runReactor(journal.open(), reactorStore, 'tenure', one, epoch)
    const former = await begin('former')
    while ((await under(former)).more);
    const head = await journal.tell({ type: 'tenure.one' }, { type: 'tenure.two' }, { type: 'tenure.three' })
    expect(await under(former)).toMatchObject({ acted: BigInt(head - 2) })
    const newest = await begin('newest')
    expect(newest).toBeGreaterThan(former)
    expect(await under(former)).toEqual({ more: false, acted: null, stale: true })
    expect(await under(newest)).toMatchObject({ acted: BigInt(head - 1) })
    expect(await under(former)).toMatchObject({ stale: true })
    // A failure of the former is not counted either.
    const broken = { ...reactor, run: async () => Promise.reject(new Error('late')) }
    expect(await under(former, broken)).toMatchObject({ stale: true })
    expect(await cursor('tenure')).toEqual({ index: BigInt(head - 1), attempts: 0 })
    expect(await under(newest)).toMatchObject({ acted: BigInt(head) })
    expect(await effects('tenure')).toEqual([head - 2, head - 1, head])
  })

  test('a new holder waits for the transaction of the one before, so that no effect is lost or doubled', async () => {
    const gate = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    const slow: Reactor<RegistryContext> = {
      on: 'slow.*',
      async run(_ctx, event, tx) {
        await tx.query('insert into registry.effects values ($1, $2)', ['slow', event.index])
        entered.resolve()
        await gate.promise
        return undefined
      },
    }
    const begin = () =>
      registry.db.transaction(async (tx) => {
        await reactorStore.ensure(tx, journal.open(), 'slow')
        return reactorStore.takeEpoch(tx, journal.open(), 'slow', 'x')
      })
    const first = await begin()
    while ((await runReactor(journal.open(), reactorStore, 'slow', slow, first)).more);
    const head = await journal.tell({ type: 'slow.one' })
    const running = runReactor(journal.open(), reactorStore, 'slow', slow, first)
    await entered.promise
    const second = begin()
    gate.resolve()
    expect((await running).acted).toBe(BigInt(head))
    expect((await runReactor(journal.open(), reactorStore, 'slow', slow, await second)).acted).toBeNull()
    expect(await effects('slow')).toEqual([head])
  })

  test('one that takes many at a time is given all of them at once; a failing one alone is found and parked', async () => {
    const calls: number[] = []
    const reactor: Reactor<RegistryContext> = {
      ...recorder('many', 'many.*'),
      async runAll(_ctx, events, tx) {
        calls.push(events.length)
        for (const event of events) {
          await tx.query('insert into registry.effects values ($1, $2)', ['many', event.index])
          if (event.data.fails) throw new Error('one of them failed')
        }
        return undefined
      },
    }
    await finish('many', reactor)
    const head = await journal.tell(...Array.from({ length: 5 }, () => ({ type: 'many.x' })))
    expect(await turn('many', reactor)).toEqual({ more: false, acted: BigInt(head) })
    expect(calls).toEqual([5])
    expect(await effects('many')).toEqual([head - 4, head - 3, head - 2, head - 1, head])
    const last = await journal.tell(
      { type: 'many.x' },
      { type: 'many.x', data: { fails: true } },
      { type: 'many.x' },
    )
    for (let attempt = 0; attempt <= RETRY_SECONDS.length; attempt++) {
      await finish('many', reactor)
      clock.advance(200_000)
    }
    await finish('many', reactor)
    expect(await effects('many')).toEqual([head - 4, head - 3, head - 2, head - 1, head, last - 2, last])
    const parked = await registry.db.query('select index from registry.reactor_parked where reactor = $1', [
      'many',
    ])
    expect(parked).toEqual([{ index: BigInt(last - 1) }])
  })
})
