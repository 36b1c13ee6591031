/** One part of a form (RFC 7578). */
export interface Part {
  readonly name: string
  /** Null: the part is a field, not a file. */
  readonly filename: string | null
  /** A view of the body. */
  readonly content: Buffer
}

const MAX_PARTS = 1024
const MAX_HEADER_BYTES = 8 * 1024
const [CR, LF, DASH] = [0x0d, 0x0a, 0x2d]
const LINE_END = Buffer.from('\r\n')
const HEADERS_END = Buffer.from('\r\n\r\n')

/** Returns the boundary that a Content-Type names, or null. At most 70 characters (RFC 2046, section 5.1.1). */
export function boundaryOf(contentType: string): string | null {
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))/i.exec(contentType)
  return found?.[1] ?? found?.[2] ?? null
}

/**
 * Returns the parts of a form, as views of its body: the whole body is there already, on its caller's account.
 * @returns what is wrong with the body, or its parts in their order
 */
export function readParts(body: Buffer, boundary: string): readonly Part[] | { wrong: string } {
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const opener = delimiter.subarray(LINE_END.length)
  // What stands before the first boundary means nothing.
  const starts = body.subarray(0, opener.length).equals(opener)
  const first = starts ? -LINE_END.length : body.indexOf(delimiter)
  if (first < 0 && !starts)
    return { wrong: 'The body does not contain the boundary that its type names.' }
  const parts: Part[] = []
  let at = first + delimiter.length
  for (;;) {
    if (body[at] === DASH && body[at + 1] === DASH) return parts
    while (body[at] === 0x20 || body[at] === 0x09) at++
    if (body[at] !== CR || body[at + 1] !== LF)
      return { wrong: 'A line of the boundary has no end.' }
    const next = body.indexOf(delimiter, at)
    if (next < 0) return { wrong: 'The body ends before its last boundary.' }
    if (parts.length === MAX_PARTS) return { wrong: `The form has more than ${MAX_PARTS} parts.` }
    const part = readPart(body.subarray(at, next))
    if ('wrong' in part) return part
    parts.push(part)
    at = next + delimiter.length
  }
}

/** @param bytes from the end of the boundary's line to the next boundary */
function readPart(bytes: Buffer): Part | { wrong: string } {
  const end = bytes.subarray(0, MAX_HEADER_BYTES).indexOf(HEADERS_END)
  if (end < 0) return { wrong: 'A part has no headers, or more than 8 KiB of them.' }
  const read = readHeaders(bytes.toString('utf8', LINE_END.length, end))
  return 'wrong' in read ? read : { ...read, content: bytes.subarray(end + HEADERS_END.length) }
}

/** Returns what the headers of a part say of it, or what is wrong with them. */
export function readHeaders(headers: string): Omit<Part, 'content'> | { wrong: string } {
  const disposition = /^content-disposition:[ \t]*form-data[ \t]*((?:;.*)?)$/im.exec(headers)?.[1]
  if (disposition === undefined)
    return { wrong: 'A part has no header Content-Disposition: form-data.' }
  const name = parameter(disposition, 'name')
  if (name === null) return { wrong: 'A part has no name.' }
  return { name, filename: parameter(disposition, 'filename') }
}

/**
 * A parameter of Content-Disposition. Browsers write quotes and line ends in it as %22, %0D and %0A
 * (https://html.spec.whatwg.org/#multipart-form-data), curl writes backslashes before quotes.
 */
function parameter(disposition: string, name: string): string | null {
  const found = new RegExp(`;[ \\t]*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;"]*))`, 'i').exec(
    disposition,
  )
  if (!found) return null
  return (found[1] ?? found[2] ?? '')
    .replace(/\\(["\\])/g, '$1')
    .replace(/%22/g, '"')
    .replace(/%0D/gi, '\r')
    .replace(/%0A/gi, '\n')
}
