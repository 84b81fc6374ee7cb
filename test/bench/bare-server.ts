/** The yardstick: node:http alone, with the same body. Prints its port. */
import { createServer } from 'node:http'

const body = process.argv[2] ?? '{"status":"alive"}'

const server = createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${(server.address() as { port: number }).port}\n`)
})
