/** Rows to come. */
import { defineFunction } from '#core/runtime/define-function.ts'
import type { TegContext } from '#core/teg/context.ts'

export default defineFunction<TegContext>({ tag: 'teg-health', rows: [] })
