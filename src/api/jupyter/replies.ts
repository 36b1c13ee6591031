import { VERSION } from '../../version.ts'
import { type KernelMessage, PROTOCOL_VERSION } from './message.ts'

/** The language of a kernel, as notebooks ask for it. */
export interface KernelLanguage {
  readonly name: string
  readonly version: string
  readonly mimetype: string
  readonly extension: string
  /** Names that notebooks have for its highlighting and export. */
  readonly more?: Readonly<Record<string, unknown>>
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
 * @param isKept whether the kernel keeps its state
 * @returns null: the kernel does not know such a request
 */
export function fixedReply(
  type: string,
  channel: 'shell' | 'control',
  language: KernelLanguage,
  isKept = false,
): KernelMessage | null {
  if (type === 'kernel_info_request') {
    return { channel, type: 'kernel_info_reply', contentJson: kernelInfo(language, isKept) }
  }
  if (!Object.hasOwn(FIXED, type)) return null
  const [reply, content] = FIXED[type] as readonly [string, object]
  return { channel, type: reply, contentJson: JSON.stringify(content) }
}

function kernelInfo(language: KernelLanguage, isKept: boolean): string {
  const { name, version, mimetype, extension, more } = language
  const what = isKept ? 'a sandbox that keeps its state' : 'a fresh sandbox for one execution'
  return JSON.stringify({
    status: 'ok',
    protocol_version: PROTOCOL_VERSION,
    implementation: 'executor-manager',
    implementation_version: VERSION,
    language_info: { name, version, mimetype, file_extension: extension, ...more },
    banner: `${name} ${version}, ${what}`,
    help_links: [],
  })
}
