export {
  type AcceptedRunEvent,
  type CallOptions,
  ExecutorManager,
  type RunEvent,
  type SubmitOptions,
} from './client.ts'
export { type ErrorType, ExecutorManagerError, type FieldError } from './errors.ts'
export { bodyOf, type FileToSend, fileBytes, fileText, type RunToSend } from './files.ts'
export { Command, type CommandEvent, Commands } from './session-commands.ts'
export { type FileChange, SessionFiles } from './session-files.ts'
export {
  Contexts,
  Session,
  type SessionRunEvent,
  type SessionRunOptions,
  Sessions,
} from './sessions.ts'
export type { Options } from './transport.ts'
export type * from './types.ts'
