/** What can fail inside a session; front doors tell their callers of it. */
export type { SessionProcess } from '../supervisor/session-process.ts'
export { ChannelError, SessionLostError } from '../supervisor/session-protocol.ts'
