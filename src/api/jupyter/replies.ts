import { VERSION } from '../../version.ts'
import { type KernelMessage, PROTOCOL_VERSION } from './message.ts'

/** The language of a kernel, as notebooks ask for it. */
export interface KernelLanguage {
  readonly name: string
  readonly version: string
  readonly mimetype: string
  readonly extension: string
}

/** Requests that are answered without running anything, and what is said. */
const FIXED: Readonly<Record<string, readonly [reply: string, content: object]>> = {
  comm_info_request: ['comm_info_reply', { status: 'ok', comms: {} }],
  complete_request: [
    'complete_reply',
    { status: 'ok', matches: [], cursor_start: 0, cursor_end: 0, metadata: {} },
  ],
  history_request: ['history_reply', { status: 'ok', history: [] }],
  inspect_request: ['inspect_reply', { status: 'ok', found: false, data: {}, metadata: {} }],
  interrupt_request: ['interrupt_reply', { status: 'ok' }],
  is_complete_request: ['is_complete_reply', { status: 'unknown' }],
  shutdown_request: ['shutdown_reply', { status: 'ok', restart: false }],
}

/**
 * Answers a request that needs no run.
 * @returns null: the kernel does not know such a request
 */
export function fixedReply(
  type: string,
  channel: 'shell' | 'control',
  language: KernelLanguage,
): KernelMessage | null {
  if (type === 'kernel_info_request') {
    return { channel, type: 'kernel_info_reply', contentJson: kernelInfo(language) }
  }
  if (!Object.hasOwn(FIXED, type)) return null
  const [reply, content] = FIXED[type] as readonly [string, object]
  return { channel, type: reply, contentJson: JSON.stringify(content) }
}

function kernelInfo({ name, version, mimetype, extension }: KernelLanguage): string {
  return JSON.stringify({
    status: 'ok',
    protocol_version: PROTOCOL_VERSION,
    implementation: 'executor-manager',
    implementation_version: VERSION,
    language_info: { name, version, mimetype, file_extension: extension },
    banner: `${name} ${version}, a fresh sandbox for one execution`,
    help_links: [],
  })
}
