import { useDoorTable } from '../support/door-table.ts'
import { useService } from './service.ts'

/** Clients of other systems, as their registries have them, on the real service. */
// The hooks at the end are called the last one first: the service ends though the table is not right.
useDoorTable()
useService()

await import('./mcp.ts')
await import('./examples.ts')
await import('./dify.ts')
await import('./jupyter.ts')
await import('./jupyter-clients.ts')
await import('./ragflow.ts')
await import('./librechat.ts')
await import('./e2b-interpreter.ts')
await import('./piston.ts')
await import('./judge0.ts')
await import('./e2b.ts')
await import('./jobe.ts')
await import('./open-terminal.ts')
await import('./e2b-processes.ts')
await import('./e2b-hosts.ts')
