import type { LookupAddress } from 'node:dns'
import { createServer, type RequestListener } from 'node:http'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { inTransactionScope } from '#core/platform/database/scope.ts'
import { openOutbound } from '#core/platform/outbound.ts'
import type { Outbound, OutboundOptions } from '#core/platform/outbound-client.ts'
import { openOutbound as openOverHttps } from '#core/platform/outbound-https.ts'
import { closeServer, listen } from '#core/runtime/to-node.ts'

const opened: { close(): Promise<void> }[] = []
afterEach(async () => {
  for (const thing of opened.splice(0).reverse()) await thing.close()
})
const openers = { 'over undici': openOutbound, 'of bundles': openOverHttps }
let opener: (options: OutboundOptions) => Outbound = openOutbound
const open = (options: OutboundOptions = {}): Outbound => {
  const client = opener(options)
  opened.push(client)
  return client
}
const serve = async (listener: RequestListener): Promise<number> => {
  const server = createServer(listener)
  const port = await listen(server, 0, '127.0.0.1')
  opened.push({ close: () => closeServer(server, 100) })
  return port
}
const failure = (work: Promise<unknown>) =>
  work.then(
    () => 'no failure',
    (error: unknown) => error,
  )
const at = (...addresses: string[]): readonly LookupAddress[] =>
  addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

describe('outbound check', () => {
  test.each([
    'https://127.0.0.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://127.1/',
    'https://0/',
    'https://10.1.2.3/',
    'https://172.16.0.1/',
    'https://192.168.1.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://100.64.0.1/',
    'https://192.0.2.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[2002:7f00:1::]/',
    'https://[2001::1]/',
    'https://[fc00::1]/',
    'https://[fe80::1]/',
    'https://[ff02::1]/',
    'https://[100::1]/',
    'https://[2001:db8::1]/',
    'https://１２７.0.0.1/',
  ])('refuses %s', (url) => {
    expect(() => open().check(url)).toThrow(expect.objectContaining({ code: 'refused_address' }))
  })

  test.each([
    ['http://example.com/', 'must begin with https://'],
    ['ftp://example.com/', 'must begin with https://'],
    ['file:///etc/passwd', 'must begin with https://'],
    ['https://user:secret@example.com/', 'must not carry a user name or password'],
    ['https://example.com:22/', 'must use one of the ports 443, 8443'],
    ['https://example.com:80/', 'must use one of the ports 443, 8443'],
    ['example.com', 'is not a URL'],
    ['https://', 'is not a URL'],
  ])('refuses %s: it %s', (url, words) => {
    expect(() => open().check(url)).toThrow(expect.objectContaining({ code: 'refused_url', message: words }))
  })

  test.each([
    'https://example.com/hook?x=1',
    'https://example.com:8443/',
    'https://93.184.216.34/',
    'https://[2606:4700::1111]/',
  ])('takes %s', (url) => expect(open().check(url)).toBeUndefined())

  test('takes http and own networks only where they are allowed', () => {
    expect(open({ allowHttp: true }).check('http://example.com/')).toBeUndefined()
    const own = open({ allow: ['10.0.0.0/8', 'fd00::/8', '127.0.0.1'] })
    for (const url of ['https://10.9.8.7/', 'https://[fd00::5]/', 'https://127.0.0.1/'])
      expect(own.check(url)).toBeUndefined()
    for (const url of ['https://127.0.0.2/', 'https://192.168.0.1/', 'https://[fe80::1]/'])
      expect(() => own.check(url)).toThrow()
  })
})

describe.each(Object.entries(openers))('outbound send %s', (_name, chosen) => {
  beforeEach(() => {
    opener = chosen
  })

  const local: OutboundOptions = { allowHttp: true, allow: ['127.0.0.1/32'] }

  test('sends method, headers and body, and gives status, headers and bytes', async () => {
    const port = await serve((request, response) => {
      let body = ''
      request.on('data', (chunk) => {
        body += chunk
      })
      request.on('end', () => {
        response.writeHead(202, { 'x-method': request.method, 'x-given': request.headers['x-given'] })
        response.end(`got ${body}`)
      })
    })
    const reply = await open({ ...local, ports: [port] }).send({
      url: `http://127.0.0.1:${port}/hook`,
      method: 'POST',
      headers: { 'x-given': 'yes' },
      body: 'hello',
    })
    expect(reply.status).toBe(202)
    expect(reply.headers).toMatchObject({ 'x-method': 'POST', 'x-given': 'yes' })
    expect(Buffer.from(reply.body).toString()).toBe('got hello')
  })

  test('does not follow a redirect', async () => {
    let asked = 0
    const port = await serve((_request, response) => {
      asked++
      response.writeHead(302, { location: '/elsewhere' }).end()
    })
    const reply = await open({ ...local, ports: [port] }).send({ url: `http://127.0.0.1:${port}/` })
    expect(reply.status).toBe(302)
    expect(asked).toBe(1)
  })

  test('refuses a name of which any address is not public, and connects to none of them', async () => {
    let asked = 0
    const port = await serve((_request, response) => {
      asked++
      response.end()
    })
    for (const addresses of [
      at('127.0.0.1'),
      at('93.184.216.34', '127.0.0.1'),
      at('::ffff:127.0.0.1'),
      at('fd00::1'),
      at(),
    ]) {
      const client = open({ allowHttp: true, ports: [port], resolve: async () => addresses })
      expect(await failure(client.send({ url: `http://inside.example:${port}/` }))).toMatchObject({
        code: 'refused_address',
      })
    }
    expect(asked).toBe(0)
  })

  test('a name that changes between two requests is looked at anew for each connection, and used as looked at', async () => {
    const port = await serve((_request, response) => {
      response.writeHead(200, { connection: 'close' }).end('here')
    })
    const answers = [at('127.0.0.1'), at('10.0.0.1')]
    let asked = 0
    const client = open({ ...local, ports: [port], resolve: async () => answers[asked++] ?? [] })
    const url = `http://rebinding.example:${port}/`
    expect((await client.send({ url })).status).toBe(200)
    expect(asked).toBe(1)
    expect(await failure(client.send({ url }))).toMatchObject({ code: 'refused_address' })
    expect(asked).toBe(2)
  })

  test('refuses a name that the system resolves to this machine', async () => {
    const client = open({ allowHttp: true })
    expect(await failure(client.send({ url: 'http://localhost/' }))).toMatchObject({
      code: 'refused_address',
    })
  })

  test('ends at its deadline, while it waits for the reply and while the reply trickles', async () => {
    const port = await serve((request, response) => {
      if (request.url !== '/trickle') return
      response.write('x')
      const timer = setInterval(() => response.write('x'), 20)
      response.on('close', () => clearInterval(timer))
    })
    const client = open({ ...local, ports: [port], timeoutMs: 200 })
    // Without a deadline neither would ever end.
    for (const path of ['/silent', '/trickle'])
      expect(await failure(client.send({ url: `http://127.0.0.1:${port}${path}` }))).toMatchObject({
        code: 'timed_out',
      })
  })

  test('takes no more bytes than it may', async () => {
    const port = await serve((request, response) => {
      response.end('x'.repeat(request.url === '/more' ? 1001 : 1000))
    })
    const client = open({ ...local, ports: [port], bytesMax: 1000 })
    expect((await client.send({ url: `http://127.0.0.1:${port}/` })).body).toHaveLength(1000)
    expect(await failure(client.send({ url: `http://127.0.0.1:${port}/more` }))).toMatchObject({
      code: 'too_large',
    })
  })

  test('throws the reason of the given signal', async () => {
    const port = await serve(() => undefined)
    const controller = new AbortController()
    const why = new Error('stopping')
    const sent = open({ ...local, ports: [port] }).send({
      url: `http://127.0.0.1:${port}/`,
      signal: controller.signal,
    })
    controller.abort(why)
    expect(await failure(sent)).toBe(why)
  })

  test('tells unreachable hosts and unknown names', async () => {
    const port = await serve((_request, response) => response.end())
    await opened.pop()?.close()
    expect(
      await failure(open({ ...local, ports: [port] }).send({ url: `http://127.0.0.1:${port}/` })),
    ).toMatchObject({
      code: 'unreachable',
    })
    const unknown = open({
      resolve: async () => {
        throw new Error('ENOTFOUND')
      },
    })
    expect(await failure(unknown.send({ url: 'https://nowhere.example/' }))).toMatchObject({
      code: 'unreachable',
    })
  })

  test('refuses to send inside a database transaction', async () => {
    const client = open()
    await expect(inTransactionScope(() => client.send({ url: 'https://example.com/' }))).rejects.toThrow(
      'inside a database transaction',
    )
  })
})
