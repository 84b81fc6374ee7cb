/** The version of this build. */
export { VERSION } from '#core/base/version.ts'
