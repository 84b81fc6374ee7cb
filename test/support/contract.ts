/** The contract check: every answer that a test sees must be what the OpenAPI document says of its route. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import type { Answer } from './request.ts'

interface Operation {
  responses: Record<string, { content?: Record<string, { schema: object }> }>
}
interface Document {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

/** Makes the check of a document; it throws where an answer is not documented or has another shape. */
export function contractOf(document: Record<string, unknown>): (request: Request, answer: Answer) => void {
  const { paths, components } = document as unknown as Document
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ;(addFormats as unknown as (ajv: Ajv2020) => void)(ajv)
  ajv.addSchema({ $id: 'api', components })
  const compiled = new Map<object, ValidateFunction>()
  const routes = Object.entries(paths)
    .map(([path, operations]) => ({
      path,
      operations,
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{[^}]+\}/g, '[^/]+')}$`),
      variables: path.split('{').length,
    }))
    .sort((a, b) => a.variables - b.variables)

  const validatorOf = (schema: object): ValidateFunction => {
    const known = compiled.get(schema)
    if (known) return known
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"api#/components/')
    const made = ajv.compile(JSON.parse(text))
    compiled.set(schema, made)
    return made
  }

  return (request, answer) => {
    const path = new URL(request.url).pathname
    const method = request.method.toLowerCase()
    const route = routes.find((one) => one.pattern.test(path) && one.operations[method])
    const name = `${request.method} ${path} -> ${answer.status}`
    if (!route) {
      if (answer.status === 404 || answer.status === 405) return
      throw new Error(`${name}: the route is not in the OpenAPI document`)
    }
    const response = route.operations[method]?.responses[String(answer.status)]
    if (!response) throw new Error(`${name}: the status is not documented for ${route.path}: ${answer.text}`)
    if (!answer.text) return
    const type = (answer.headers.get('content-type') ?? '').split(';', 1)[0] ?? ''
    const content = response.content?.[type]
    if (!content) throw new Error(`${name}: the media type ${type} is not documented for ${route.path}`)
    if (!/json/.test(type)) return
    const validate = validatorOf(content.schema)
    if (!validate(answer.body))
      throw new Error(`${name}: ${ajv.errorsText(validate.errors)}\n${answer.text.slice(0, 2000)}`)
  }
}
