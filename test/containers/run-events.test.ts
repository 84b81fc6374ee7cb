import { afterAll, expect, test } from 'vitest'
import { STREAMS_PER_PRINCIPAL } from '#core/platform/event-feed.ts'
import { listen, toNode } from '#core/runtime/to-node.ts'
import { buildRegistry } from '#host/build-registry.ts'
import { type Events, runEvents } from '#host/run-events.ts'
import { registerDeveloper } from '#test/support/accounts.ts'
import { openSocket } from '#test/support/socket.ts'
import { OPERATOR_KEY, startSystem } from '#test/support/system.ts'

const system = await startSystem()
let events: Events | undefined
const { app, resources } = await buildRegistry({
  config: system.config,
  resources: system.registry,
  teg: system.registry.teg,
  wake: (what) => (what === 'relay' ? events?.wake() : undefined),
  observe: () => undefined,
  draining: () => false,
})
const server = toNode(app, { newId: () => crypto.randomUUID() })
const port = await listen(server, 0, '127.0.0.1')
events = await runEvents(resources, [{ upgrades: server }])
afterAll(async () => {
  await events?.drain()
  await events?.stop()
  server.closeAllConnections()
  server.close()
})
const authorization = `Bearer ${OPERATOR_KEY}`

/** Opens the SSE stream over HTTP and waits for its hello. */
async function openStream(controller: AbortController) {
  const response = await fetch(`http://127.0.0.1:${port}/api/v1/events/stream`, {
    headers: { authorization },
    signal: controller.signal,
  })
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
  let text = ''
  const until = async (words: string): Promise<string> => {
    while (!text.includes(words)) {
      const chunk = await reader?.read()
      if (!chunk || chunk.done) return text
      text += chunk.value
    }
    return text
  }
  if (response.status === 200) await until('event: hello')
  return { status: response.status, until }
}

test('a fact reaches WebSocket and SSE over real sockets, once its command has committed', async () => {
  const socket = await openSocket(`ws://127.0.0.1:${port}/ws/events`, { headers: { authorization } })
  const controller = new AbortController()
  const stream = await openStream(controller)
  const { account } = await registerDeveloper(system)
  // The registration went through another application of the same database: the relay finds the fact by itself.
  const [frame] = await socket.events(1)
  expect(frame?.event).toMatchObject({ type: 'developer.verified', subject: `developers/${account}` })
  expect(await stream.until(account)).toContain(`id: ${frame?.index}\n`)
  socket.socket.terminate()
  controller.abort()
})

test('a client that goes away gives its place back', async () => {
  let controllers: AbortController[] = []
  const leave = () => {
    for (const controller of controllers) controller.abort()
  }
  // The stream of the test before may still be on its way out: then all begin again.
  await expect
    .poll(
      async () => {
        leave()
        controllers = Array.from({ length: STREAMS_PER_PRINCIPAL }, () => new AbortController())
        for (const controller of controllers) if ((await openStream(controller)).status !== 200) return false
        return true
      },
      { timeout: 20_000 },
    )
    .toBe(true)
  expect((await openStream(new AbortController())).status).toBe(429)
  leave()
  await expect
    .poll(async () => (await openStream(new AbortController())).status, { timeout: 20_000 })
    .toBe(200)
})

test('draining ends sockets with 1012 and streams with shutting_down', async () => {
  const socket = await openSocket(`ws://127.0.0.1:${port}/ws/events`, { headers: { authorization } })
  const stream = await openStream(new AbortController())
  expect(events?.sockets()).toBe(1)
  await events?.drain()
  expect((await socket.closed).code).toBe(1012)
  expect(await stream.until('retry_after_ms')).toMatch(
    /retry: (\d{4})\nevent: error\ndata: \{"type":"error","code":"shutting_down","retry_after_ms":\1\}\n\n$/,
  )
  expect(events?.sockets()).toBe(0)
})
