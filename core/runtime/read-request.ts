/** Reads and validates a request against a row: all faults at once, each with a pointer to its field. */
import type { z } from 'zod'
import { type FieldError, fail } from '#core/base/errors.ts'
import type { Row } from './define-function.ts'
import { wordFault } from './word-faults.ts'

const DEPTH_MAX = 64

/** What a row's shapes made of a request. `raw` is the body as it came, for the idempotency hash. */
export interface ReadRequest {
  params: unknown
  query: unknown
  body: unknown
  raw: unknown
}

const NOTHING = {}

/** True for requests whose body is never looked at. */
export const hasNoBody = (row: Row<never>): boolean => row.method === 'get' || row.method === 'delete'

/**
 * Reads a request without body.
 * @throws 400 validation_failed
 */
export function readRequest(
  row: Row<never>,
  pathParams: Record<string, string>,
  search: string,
): ReadRequest {
  const { spec } = row
  // The most common of short requests: there is nothing to read at all.
  if (search.length <= 1 && !spec.params && !spec.query)
    return { params: NOTHING, query: NOTHING, body: NOTHING, raw: undefined }
  const errors: FieldError[] = []
  const { params, query } = readAddress(row, pathParams, search, errors)
  if (errors.length > 0) throw invalid(errors)
  return { params, query, body: NOTHING, raw: undefined }
}

/**
 * Reads a request with its body.
 * @throws 400 validation_failed, 413 payload_too_large, 415 unsupported_media_type
 */
export async function readWithBody(
  row: Row<never>,
  request: Request,
  pathParams: Record<string, string>,
  search: string,
  header: (name: string) => string | undefined,
  bodyLimitBytes: number,
): Promise<ReadRequest> {
  const errors: FieldError[] = []
  const { params, query } = readAddress(row, pathParams, search, errors)
  const raw = await readBody(row, request, header, bodyLimitBytes)
  const body = checkBody(row, raw, errors)
  if (errors.length > 0) throw invalid(errors)
  return { params, query, body, raw }
}

function readAddress(
  { spec }: Row<never>,
  pathParams: Record<string, string>,
  search: string,
  errors: FieldError[],
): { params: unknown; query: unknown } {
  const params = spec.params ? check(spec.params, pathParams, (path) => `path:${path}`, errors) : NOTHING
  const given = readQuery(search, errors)
  const query = spec.query
    ? check(spec.query, given, (path) => `?${path}`, errors)
    : refuseAll(Object.keys(given), (name) => `?${name}`, errors)
  return { params, query }
}

function checkBody(row: Row<never>, raw: unknown, errors: FieldError[]): unknown {
  const unclean = findUnclean(raw, '', 0)
  if (unclean) errors.push(unclean)
  else if (row.spec.body) return check(row.spec.body, raw, (path) => (path ? `/${path}` : ''), errors)
  else if (typeof raw === 'object' && raw !== null && !Array.isArray(raw))
    refuseAll(Object.keys(raw), (name) => `/${name}`, errors)
  else errors.push({ pointer: '', code: 'invalid_type', detail: 'must be absent or an empty object' })
  return {}
}

/** validation_failed with its list of faults. */
export function invalid(errors: FieldError[]) {
  const first = errors[0]
  const where = first?.pointer ? `${first.pointer}: ` : ''
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : ''
  return fail('validation_failed', `${where}${first?.detail ?? 'malformed'}${more}`, {
    errors: errors.slice(0, 100),
  })
}

function readQuery(search: string, errors: FieldError[]): Record<string, unknown> {
  const given: Record<string, unknown> = {}
  if (search.length <= 1) return given
  for (const [name, value] of new URLSearchParams(search)) {
    const unclean = findUnclean(value, '', 0)
    if (unclean) errors.push({ ...unclean, pointer: `?${name}` })
    const before = Object.hasOwn(given, name) ? given[name] : undefined
    if (Array.isArray(before)) {
      before.push(value)
      continue
    }
    const next = before === undefined ? value : [before, value]
    Object.defineProperty(given, name, { value: next, enumerable: true, configurable: true, writable: true })
  }
  return given
}

async function readBody(
  row: Row<never>,
  request: Request,
  header: (name: string) => string | undefined,
  limit: number,
): Promise<unknown> {
  const coding = header('content-encoding')?.trim().toLowerCase() ?? ''
  if (coding !== '' && coding !== 'identity')
    throw fail(
      'unsupported_media_type',
      `Send the body as it is: Content-Encoding ${coding} is not read here.`,
      {
        headers: { 'accept-encoding': 'identity' },
      },
    )
  const length = header('content-length')
  if (length !== undefined && Number(length) > limit) throw tooLarge(limit)
  const text = await readText(request, limit, length !== undefined)
  const type = (header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  if (text === '') {
    if (row.spec.bodyOptional || !row.spec.body) return {}
    throw invalid([{ pointer: '', code: 'required', detail: 'this request needs a JSON body' }])
  }
  if (row.spec.text) return text
  if (row.spec.form && type === 'application/x-www-form-urlencoded')
    return Object.fromEntries(new URLSearchParams(text))
  if (type !== 'application/json' && !/^application\/[a-z0-9.+-]+\+json$/.test(type))
    throw fail('unsupported_media_type', `Content-Type must be application/json, not ${type || 'absent'}.`)
  try {
    return JSON.parse(text)
  } catch {
    throw invalid([{ pointer: '', code: 'malformed_json', detail: 'the body is not valid JSON' }])
  }
}

const tooLarge = (limit: number) =>
  fail('payload_too_large', `The body may have at most ${limit} bytes here.`, {
    extra: { limit_bytes: limit },
  })

/** Reads a body up to the limit; a stream that does not tell its length, or lies about it, is cut off. */
async function readText(request: Request, limit: number, lengthKnown: boolean): Promise<string> {
  const bytes = lengthKnown ? new Uint8Array(await request.arrayBuffer()) : await readStream(request, limit)
  if (bytes.byteLength > limit) throw tooLarge(limit)
  try {
    return decoder.decode(bytes)
  } catch {
    throw invalid([{ pointer: '', code: 'malformed_utf8', detail: 'the body is not valid UTF-8' }])
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true })

async function readStream(request: Request, limit: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of (request.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength
    if (size > limit) throw tooLarge(limit)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** PostgreSQL can't keep NUL, UTF-8 can't carry lone surrogates, recursion can't bear any depth: refused at the door. */
function findUnclean(value: unknown, pointer: string, depth: number): FieldError | null {
  return isClean(value, depth) ? null : locateUnclean(value, pointer, depth)
}

/** Without the words of where: nearly every value is clean, and pointers cost more than the look. */
function isClean(value: unknown, depth: number): boolean {
  if (typeof value === 'string') return !value.includes('\u0000') && value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  if (depth >= DEPTH_MAX) return false
  if (Array.isArray(value)) return value.every((item) => isClean(item, depth + 1))
  for (const key in value)
    if (!isClean(key, depth) || !isClean((value as Record<string, unknown>)[key], depth + 1)) return false
  return true
}

function locateUnclean(value: unknown, pointer: string, depth: number): FieldError | null {
  if (typeof value === 'string')
    return isClean(value, depth)
      ? null
      : { pointer, code: 'malformed_text', detail: 'must not hold NUL or unpaired surrogates' }
  if (typeof value !== 'object' || value === null) return null
  if (depth >= DEPTH_MAX)
    return { pointer, code: 'too_deep', detail: `nested deeper than ${DEPTH_MAX} levels` }
  for (const [key, item] of Object.entries(value)) {
    const at = `${pointer}/${escapePointer(key)}`
    const found = locateUnclean(key, at, depth) ?? locateUnclean(item, at, depth + 1)
    if (found) return found
  }
  return null
}

const escapePointer = (key: string) => key.replaceAll('~', '~0').replaceAll('/', '~1')

function refuseAll(names: string[], pointerOf: (name: string) => string, errors: FieldError[]): unknown {
  for (const name of names)
    errors.push({
      pointer: pointerOf(escapePointer(name)),
      code: 'unknown_field',
      detail: 'is not a field of this request',
    })
  return {}
}

const readOptions = { error: wordFault }

function check(
  shape: z.ZodType,
  value: unknown,
  pointerOf: (path: string) => string,
  errors: FieldError[],
): unknown {
  const result = shape.safeParse(value, readOptions)
  if (result.success) return result.data
  collectFaults(result.error.issues, value, pointerOf, errors)
  return undefined
}

function collectFaults(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  pointerOf: (path: string) => string,
  errors: FieldError[],
): void {
  for (const issue of issues) {
    const path = issue.path.map((part) => escapePointer(String(part))).join('/')
    if (issue.code === 'unrecognized_keys') {
      const base = path ? `${path}/` : ''
      refuseAll(issue.keys, (name) => pointerOf(base + name), errors)
    } else if (issue.code === 'invalid_type' && valueAt(value, issue.path) === undefined) {
      errors.push({ pointer: pointerOf(path), code: 'required', detail: 'is required' })
    } else {
      errors.push({ pointer: pointerOf(path), code: issue.code, detail: issue.message })
    }
  }
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  let at: unknown = value
  for (const part of path) at = (at as Record<PropertyKey, unknown> | null | undefined)?.[part]
  return at
}
