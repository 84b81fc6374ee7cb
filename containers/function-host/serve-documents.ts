/** Serves the API's documents beside the application: /openapi.json, /asyncapi.json and the interactive reference at /docs. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fail } from '#core/base/errors.ts'
import type { Pages } from '#core/runtime/compose-app.ts'
import { replyProblem } from '#core/runtime/reply-problem.ts'

const assets: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
}

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Ninefold API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="reference"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`
const start = `SwaggerUIBundle({ url: '/openapi.json', dom_id: '#reference', deepLinking: true, tryItOutEnabled: true,
  persistAuthorization: false, docExpansion: 'list', filter: true, syntaxHighlight: { activated: false } })
`
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

type Json = Record<string, unknown>

/** The documents; each is made once, when it is first asked for. */
export function serveDocuments(describe: { openapi: () => Json; asyncapi: () => Json }): Pages {
  const documents: Record<string, () => Document> = {
    '/openapi.json': onceMade(() => withItself(describe.openapi())),
    '/asyncapi.json': onceMade(describe.asyncapi),
  }
  return (request, path) => {
    const read = Object.hasOwn(documents, path) ? documents[path] : undefined
    if (!read && path !== '/docs' && !path.startsWith('/docs/')) return null
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuseMethod(path)
    return read ? documentReply(read(), request) : assetReply(path)
  }
}

interface Document {
  readonly text: string
  readonly etag: string
}

function onceMade(describe: () => Json): () => Document {
  let made: Document | null = null
  return () => {
    if (made) return made
    const text = JSON.stringify(describe())
    made = { text, etag: `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"` }
    return made
  }
}

/** The document names its own address and that of the reference, too. */
function withItself(described: Json): Json {
  const success = (type: string) => ({ '200': { description: 'Success', content: { [type]: {} } } })
  const row = (operationId: string, summary: string, type: string) => ({
    get: {
      operationId,
      tags: ['documents'],
      summary,
      description: 'Public.',
      security: [{}],
      responses: success(type),
    },
  })
  return {
    ...described,
    tags: [...(described.tags as object[]), { name: 'documents' }],
    paths: {
      ...(described.paths as object),
      '/openapi.json': row('get_openapi_json', 'This document', 'application/json'),
      '/asyncapi.json': row('get_asyncapi_json', 'The live stream as AsyncAPI', 'application/json'),
      '/docs': row('get_docs', 'The interactive reference', 'text/html'),
    },
  }
}

function refuseMethod(path: string): Response {
  const problem = fail('method_not_allowed', 'Allowed here: GET, HEAD.', { headers: { allow: 'GET, HEAD' } })
  return replyProblem(problem, crypto.randomUUID(), path, 'problem', {})
}

function documentReply(document: Document, request: Request): Response {
  const headers = {
    etag: document.etag,
    'cache-control': 'public, max-age=60',
    'access-control-allow-origin': '*',
  }
  if (request.headers.get('if-none-match') === document.etag)
    return new Response(null, { status: 304, headers })
  return new Response(document.text, { headers: { ...headers, 'content-type': 'application/json' } })
}

function assetReply(path: string): Response | null {
  const common = {
    'x-content-type-options': 'nosniff',
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
  }
  if (path === '/docs' || path === '/docs/')
    return new Response(page, { headers: { ...common, 'content-type': 'text/html; charset=utf-8' } })
  if (path === '/docs/start.js')
    return new Response(start, { headers: { ...common, 'content-type': 'text/javascript; charset=utf-8' } })
  const name = path.slice('/docs/'.length)
  const type = Object.hasOwn(assets, name) ? assets[name] : undefined
  if (!type) return null
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  return new Response(readFileSync(join(folder, name)), {
    headers: { ...common, 'content-type': type, 'cache-control': 'public, max-age=86400' },
  })
}
