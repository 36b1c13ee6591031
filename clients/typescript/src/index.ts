export {
  type AcceptedRunEvent,
  type CallOptions,
  ExecutorManager,
  type RunEvent,
  type SubmitOptions,
} from './client.ts'
export { type ErrorType, ExecutorManagerError, type FieldError } from './errors.ts'
export { bodyOf, type FileToSend, fileBytes, fileText, type RunToSend } from './files.ts'
export type { Options } from './transport.ts'
export type * from './types.ts'
