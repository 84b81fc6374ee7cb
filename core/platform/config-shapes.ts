/** The shapes that configuration keys are made of. */
import { z } from 'zod'

export const url = (protocols: readonly string[]) =>
  z.string().refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
    error: `must be a URL with ${protocols.map((p) => `${p}//`).join(' or ')}`,
  })
export const whole = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,10}$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, { error: `must be between ${min} and ${max}` })
export const port = whole(1, 65535)
export const flag = z
  .enum(['true', 'false'], { error: 'must be true or false' })
  .transform((text) => text === 'true')
export const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter(Boolean)

/** `secret` keys are never printed and are also read from the file named by <KEY>_FILE. */
export interface KeySpec {
  readonly shape: z.ZodType
  readonly words: string
  readonly secret?: boolean
  readonly default?: string
}
export const key = <T extends z.ZodType, E extends { secret?: boolean; default?: string } = object>(
  shape: T,
  words: string,
  extra: E = {} as E,
) => ({ shape, words, ...extra })
