/** Rows to come. */
import type { RegistryContext } from '#core/registry/context.ts'
import { defineFunction } from '#core/runtime/define-function.ts'

export default defineFunction<RegistryContext>({ tag: 'events', rows: [] })
