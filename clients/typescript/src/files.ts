import type { InputFile, OutputFile, Run } from './types.ts'

/** A file for a program: text, or bytes. */
export interface FileToSend {
  /** Where it is put, from the working directory. */
  readonly path: string
  readonly content: string | Uint8Array | Blob
}

/** A run as the service takes it, with files as bytes too. */
export type RunToSend = Omit<Run, 'files'> & {
  readonly files?: readonly (FileToSend | InputFile)[] | undefined
}

/** The run as JSON text. */
export async function bodyOf(run: RunToSend): Promise<string> {
  return JSON.stringify(await asRun(run))
}

/** The run with its files in the words of the wire. */
export async function asRun(run: RunToSend): Promise<Run> {
  const { files, ...rest } = run
  return files ? { ...rest, files: await Promise.all(files.map(asInputFile)) } : rest
}

async function asInputFile(file: FileToSend | InputFile): Promise<InputFile> {
  const { path, content } = file
  if (typeof content === 'string' || content === undefined) return file as InputFile
  const bytes =
    content instanceof Uint8Array ? content : new Uint8Array(await content.arrayBuffer())
  return { path, content_base64: toBase64(bytes) }
}

/** The content of a file that a program left. */
export function fileBytes({ content_base64: text }: OutputFile): Uint8Array<ArrayBuffer> {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at)
  return bytes
}

/** The content of a file that a program left, as UTF-8 text. */
export function fileText(file: OutputFile): string {
  return new TextDecoder().decode(fileBytes(file))
}

/** Arguments of a call are on its stack: not all bytes at once. */
const SLICE = 0x6000 // A multiple of 3: base64 of slices is base64 of the whole.

function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += SLICE) {
    text += btoa(String.fromCharCode(...bytes.subarray(at, at + SLICE)))
  }
  return text
}
