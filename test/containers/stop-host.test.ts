/** The notice of a stop, seen from outside: readyz tells, everything else is served until the port closes. */
import { afterAll, expect, test } from 'vitest'
import { openSender } from '#test/support/crew/steady-load.ts'
import { dataFolder, freePort, startProcess } from '#test/support/process.ts'
import { openSocket } from '#test/support/socket.ts'

const folder = dataFolder()
const host = await startProcess(folder.path, await freePort(), {
  STOP_GRACE_SECONDS: '40',
  STOP_NOTICE_SECONDS: '5',
})
const sender = openSender(host.url)
afterAll(async () => {
  await host.stop('SIGKILL')
  await sender.close()
  folder.remove()
})
const get = (path: string, fresh = false) => sender.send({ method: 'GET', path }, fresh)

test('a single process says that SIGHUP is not for it, and serves on', async () => {
  process.kill(host.pid, 'SIGHUP')
  await expect.poll(() => host.output()).toContain('with HOST_WORKERS=1 restart the process instead')
  expect((await get('/livez')).status).toBe(200)
})

test('a host whose port is taken says so, without a stack', async () => {
  const other = dataFolder()
  try {
    const port = new URL(host.url).port
    const started = startProcess(other.path, await freePort(), { METRICS_PORT: port })
    await expect(started).rejects.toThrow(
      `Ninefold could not start: Port ${port} on 127.0.0.1 is taken by another program: stop that, or set another port (EADDRINUSE).\n`,
    )
    await expect(started).rejects.not.toThrow(/ {4}at /)
  } finally {
    other.remove()
  }
})

test('SIGTERM: readyz is 503 at once, all else is answered with Connection: close over old and new connections; then exit 0', async () => {
  expect((await get('/readyz')).headers.connection).toBe('keep-alive')
  const ended = host.stop('SIGTERM')
  await expect.poll(async () => (await get('/readyz')).status, { interval: 20 }).toBe(503)
  const ready = await get('/readyz', true)
  expect(JSON.parse(ready.text)).toMatchObject({ code: 'shutting_down', instance: '/readyz' })
  expect(ready.headers).toMatchObject({ 'retry-after': '1', connection: 'close' })
  for (const fresh of [false, true]) {
    const answer = await get('/health', fresh)
    expect([answer.status, answer.headers.connection]).toEqual([200, 'close'])
  }
  // A WebSocket without credential is refused for that, not for the stop.
  const refused = openSocket(`${host.url.replace('http', 'ws')}/ws/events`)
  await expect(refused).rejects.toMatchObject({ status: 401 })
  expect(await ended).toBe(0)
  expect((await get('/livez', true)).text).toBe('ECONNREFUSED')
})
