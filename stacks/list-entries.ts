/** The entries that a FaaS host can be given, read from the three tables: one for each door, task and reaction. */
import { describeLine, type TaskLine } from '#core/platform/tasks/line.ts'
import { eventStoreDoors, registryDoors, tegDoors } from '#functions/index.ts'
import { reactions } from '#functions/reactors/index.ts'
import { timetable } from '#schedules/index.ts'

export type Service = 'registry' | 'teg' | 'event-store'

interface Common {
  /** Unique among all entries; the name of the bundle's folder and, in part, of the function. */
  readonly name: string
  readonly service: Service
  /** The file of the door, task or reaction, from the root. */
  readonly file: string
}
export interface DoorEntry extends Common {
  readonly kind: 'door'
  readonly door: string
  readonly prefix: string
}
export interface TaskEntry extends Common {
  readonly kind: 'task'
  readonly line: TaskLine
}
export interface ReactorEntry extends Common {
  readonly kind: 'reactor'
  readonly reactor: string
}
/** Documents, pages of mails and stray paths: no line of a table, but what every API has beside its doors. */
export interface PagesEntry extends Common {
  readonly kind: 'pages'
}
export type Entry = DoorEntry | TaskEntry | ReactorEntry | PagesEntry

/** The file that a line loads, as its function says it. */
function fileOf(load: () => unknown, folder: string): string {
  // As it is written, or as a test runner has rewritten it.
  const path = new RegExp(`['"](?:\\./|/${folder}/)([^'"]+)['"]`).exec(load.toString())?.[1]
  if (path === undefined) throw new Error(`a line of ${folder} does not name its file: ${load}`)
  return `${folder}/${path}`
}

const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

/** All entries, in the order of the tables. */
export function listEntries(): Entry[] {
  const doors = Object.entries({ ...registryDoors, ...tegDoors, ...eventStoreDoors }).map(
    ([door, { service, prefix, load }]): DoorEntry => ({
      kind: 'door',
      name: `${service}-${kebab(door).replace(new RegExp(`^${service}-`), '')}`,
      service,
      file: fileOf(load, 'functions'),
      door,
      prefix,
    }),
  )
  const tasks = Object.entries(timetable).map(
    ([task, line]): TaskEntry => ({
      kind: 'task',
      name: `task-${task}`,
      service: line.service,
      file: fileOf(line.load, 'schedules'),
      line: describeLine(task, line),
    }),
  )
  const reactors = Object.entries(reactions).map(
    ([reactor, { load }]): ReactorEntry => ({
      kind: 'reactor',
      name: `reactor-${reactor}`,
      service: 'registry',
      file: fileOf(load, 'functions/reactors'),
      reactor,
    }),
  )
  const pages: PagesEntry = {
    kind: 'pages',
    name: 'registry-pages',
    service: 'registry',
    file: 'core/faas/serve-pages.ts',
  }
  return [...doors, pages, ...tasks, ...reactors]
}

/** The lines of the registry's tasks, as data: what operators are shown. */
export const taskLines = (): TaskLine[] =>
  listEntries().flatMap((entry) =>
    entry.kind === 'task' && entry.service === 'registry' ? [entry.line] : [],
  )
