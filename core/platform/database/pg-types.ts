/** How pg reads values: as every server adapter does. */
import pg from 'pg'
import { type Parse, valueReaders } from './value-types.ts'

const readerOf = valueReaders((oid) => pg.types.getTypeParser(oid as never, 'text') as Parse)

export const pgTypes: pg.CustomTypesConfig = { getTypeParser: readerOf as never }
