/** The front doors, each of which can be switched off. */
export const DOORS = [
  'ragflow',
  'v1',
  'mcp',
  'dify',
  'jupyter',
  'librechat',
  'open-terminal',
  'e2b',
  'piston',
  'judge0',
  'jobe',
] as const

export type Door = (typeof DOORS)[number]
