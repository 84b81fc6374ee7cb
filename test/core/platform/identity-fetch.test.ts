/** HTTPS under an identity: shown to the other side, exchanged when it is renewed, and never left out. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { inTransactionScope } from '#core/platform/database/scope.ts'
import { IdentityAbsent, openIdentityFetch } from '#core/platform/identity-fetch.ts'

const folder = mkdtempSync(join(tmpdir(), 'ninefold-identity-'))
const at = (name: string) => join(folder, name)
const hasOpenssl = (() => {
  try {
    return execFileSync('openssl', ['version']).length > 0
  } catch {
    return false
  }
})()

/** An authority, and certificates that it signs. */
function makeAuthority(name: string): void {
  const subject = [
    '-subj',
    `/CN=${name}`,
    '-days',
    '30',
    '-nodes',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
  ]
  execFileSync(
    'openssl',
    ['req', '-x509', ...subject, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)],
    {
      stdio: 'ignore',
    },
  )
}
function makeLeaf(name: string, authority: string, alternative: string): void {
  const subject = ['-subj', `/CN=${name}`, '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
  execFileSync('openssl', ['req', ...subject, '-keyout', at(`${name}.key`), '-out', at(`${name}.csr`)], {
    stdio: 'ignore',
  })
  writeFileSync(at('extension'), `subjectAltName=${alternative}`)
  const signer = ['-CA', at(`${authority}.pem`), '-CAkey', at(`${authority}.key`), '-CAcreateserial']
  execFileSync(
    'openssl',
    [
      'x509',
      '-req',
      '-in',
      at(`${name}.csr`),
      ...signer,
      '-days',
      '30',
      '-extfile',
      at('extension'),
      '-out',
      at(`${name}.pem`),
    ],
    { stdio: 'ignore' },
  )
}

describe.skipIf(!hasOpenssl)('openIdentityFetch', () => {
  const identity = at('identity')
  let server: Server
  let url: string
  const open = openIdentityFetch(identity)
  /** As cert-writer does: all files are there before the certificate changes. */
  const deliver = (leaf: string, bundle = 'ours') => {
    mkdirSync(identity, { recursive: true })
    writeFileSync(join(identity, 'bundle.pem'), readFileSync(at(`${bundle}.pem`)))
    writeFileSync(join(identity, 'svid_key.pem'), readFileSync(at(`${leaf}.key`)))
    writeFileSync(join(identity, 'new'), readFileSync(at(`${leaf}.pem`)))
    renameSync(join(identity, 'new'), join(identity, 'svid.pem'))
  }
  const ask = async () => {
    const reply = await open.fetch(new Request(url, { method: 'POST', body: 'hello' }))
    return reply.text()
  }

  beforeAll(async () => {
    makeAuthority('ours')
    makeAuthority('theirs')
    makeLeaf('server', 'ours', 'IP:127.0.0.1')
    makeLeaf('north', 'ours', 'URI:spiffe://example.com/registry/north')
    makeLeaf('renewed', 'ours', 'URI:spiffe://example.com/registry/renewed')
    makeLeaf('stranger', 'theirs', 'URI:spiffe://other.com/registry/north')
    server = createServer(
      {
        cert: readFileSync(at('server.pem')),
        key: readFileSync(at('server.key')),
        ca: readFileSync(at('ours.pem')),
        requestCert: true,
        rejectUnauthorized: true,
      },
      (request, response) => {
        let text = ''
        request.on('data', (chunk) => {
          text += chunk
        })
        request.on('end', () => {
          const { subjectaltname } = (request.socket as TLSSocket).getPeerCertificate()
          response.end(`${subjectaltname} ${request.method} ${text}`)
        })
      },
    )
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve)
    })
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/events`
  })
  afterAll(async () => {
    await open.close()
    server?.close()
    rmSync(folder, { recursive: true, force: true })
  })

  test('sends nothing before the identity was delivered', async () => {
    await expect(ask()).rejects.toThrow(IdentityAbsent)
  })

  test('shows the identity, and the renewed one from the next request on', async () => {
    deliver('north')
    expect(await ask()).toBe('URI:spiffe://example.com/registry/north POST hello')
    deliver('renewed')
    expect(await ask()).toBe('URI:spiffe://example.com/registry/renewed POST hello')
  })

  test('is refused with a stranger as identity, and refuses a server that its bundle does not know', async () => {
    deliver('stranger')
    await expect(ask()).rejects.toThrow()
    deliver('north', 'theirs')
    await expect(ask()).rejects.toThrow()
    deliver('north')
    expect(await ask()).toContain('registry/north')
  })

  test('sends nothing inside a transaction', async () => {
    await expect(inTransactionScope(ask)).rejects.toThrow(/inside a database transaction/)
  })
})
