/** Warnings on a valid card: what works, yet will surprise its publisher. */
import type { FieldError } from '#core/base/errors.ts'
import { adviseUrl } from './card-urls.ts'
import { escapePointer, isObject } from './check-shape.ts'

type Json = Record<string, unknown>
const ROOT = '/card'
/** More warnings than this help nobody. */
const WARNINGS_MAX = 100

/** Warnings of a card that is valid under `version`; pointers name its own fields. */
export function adviseCard(card: Json, version: '1.0' | '0.3'): FieldError[] {
  const warnings: FieldError[] = []
  const addresses =
    version === '1.0'
      ? listOf(card.supportedInterfaces).map((one, i) => [`supportedInterfaces/${i}/url`, one.url])
      : [
          ['url', card.url],
          ...listOf(card.additionalInterfaces).map((one, i) => [`additionalInterfaces/${i}/url`, one.url]),
        ]
  const links = [
    ['provider/url', isObject(card.provider) ? card.provider.url : undefined],
    ['documentationUrl', card.documentationUrl],
    ['iconUrl', card.iconUrl],
  ]
  for (const [pointer, url] of [...addresses, ...links] as [string, unknown][]) {
    if (typeof url !== 'string' || url === '' || url.startsWith('data:')) continue
    const advice = adviseUrl(url)
    if (advice) warnings.push({ pointer: `${ROOT}/${pointer}`, code: advice[0], detail: advice[1] })
  }
  adviseSkills(card, warnings)
  adviseSecurity(card, version, warnings)
  adviseNumbers(card, ROOT, warnings)
  return warnings.slice(0, WARNINGS_MAX)
}

const listOf = (value: unknown): Json[] => (Array.isArray(value) ? (value as Json[]) : [])

function adviseSkills(card: Json, warnings: FieldError[]): void {
  const seen = new Set<unknown>()
  for (const [i, skill] of listOf(card.skills).entries()) {
    if (seen.has(skill.id))
      warnings.push({
        pointer: `${ROOT}/skills/${i}/id`,
        code: 'duplicate_skill',
        detail: 'another skill has the same id',
      })
    seen.add(skill.id)
  }
}

/** A requirement that names a scheme which the card does not define can't be met by anybody. */
function adviseSecurity(card: Json, version: '1.0' | '0.3', warnings: FieldError[]): void {
  const defined = isObject(card.securitySchemes) ? card.securitySchemes : {}
  const field = version === '1.0' ? 'securityRequirements' : 'security'
  for (const [i, requirement] of listOf(card[field]).entries()) {
    const named = version === '1.0' ? requirement.schemes : requirement
    for (const name of Object.keys(isObject(named) ? named : {}))
      if (!Object.hasOwn(defined, name))
        warnings.push({
          pointer: `${ROOT}/${field}/${i}`,
          code: 'unknown_scheme',
          detail: `names the security scheme ${name}, which securitySchemes does not define`,
        })
  }
}

/** Integers beyond 2^53 are read differently by different JSON readers, so signatures over them may not verify. */
function adviseNumbers(value: unknown, at: string, warnings: FieldError[]): void {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    warnings.push({
      pointer: at,
      code: 'unsafe_number',
      detail: 'is larger than 2^53 and may lose digits; send it as text',
    })
  if (typeof value !== 'object' || value === null || warnings.length >= WARNINGS_MAX) return
  for (const [key, item] of Object.entries(value))
    adviseNumbers(item, `${at}/${escapePointer(key)}`, warnings)
}
