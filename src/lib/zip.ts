import { promisify } from 'node:util'
import { crc32, inflateRaw } from 'node:zlib'

/** A file of an archive, as its directory tells of it. */
export interface ZipEntry {
  readonly path: string
  /** Of the content, in bytes. */
  readonly size: number
  readonly packedSize: number
  readonly method: number
  readonly crc: number
  /** Where its local header is. */
  readonly at: number
}

/** What is no archive that is taken here, in words that follow its name. */
export class ZipError extends Error {}

/** Records of APPNOTE.TXT (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT), sections 4.3.7, 4.3.12, 4.3.16. */
const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50]
const [LOCAL_BYTES, CENTRAL_BYTES, END_BYTES] = [30, 46, 22]
const MAX_COMMENT_BYTES = 65_535
const [STORED, DEFLATED] = [0, 8]
const ENCRYPTED = 1
/** Of the mode of a file on Unix. */
const [TYPE_MASK, REGULAR] = [0o170000, 0o100000]

const inflate = promisify(inflateRaw)

/**
 * Reads the directory of a zip archive; nothing is unpacked. Folders are left out.
 * @param most files that it may have, and bytes that they may have together when they are unpacked
 * @throws ZipError
 */
export function zipEntries(zip: Buffer, most: { files: number; bytes: number }): ZipEntry[] {
  const end = endOf(zip)
  const count = zip.readUInt16LE(end + 10)
  let at = zip.readUInt32LE(end + 16)
  const entries: ZipEntry[] = []
  let bytes = 0
  for (let index = 0; index < count; index++) {
    if (at + CENTRAL_BYTES > end || zip.readUInt32LE(at) !== CENTRAL) throw broken()
    const [name, extra, comment] = [28, 30, 32].map((place) => zip.readUInt16LE(at + place)) as [
      number,
      number,
      number,
    ]
    const next = at + CENTRAL_BYTES + name + extra + comment
    if (next > end) throw broken()
    const path = zip.toString('utf8', at + CENTRAL_BYTES, at + CENTRAL_BYTES + name)
    const mode = zip.readUInt16LE(at + 40) & TYPE_MASK
    if (zip.readUInt16LE(at + 8) & ENCRYPTED) throw new ZipError('has a file that is encrypted')
    if (!path.endsWith('/')) {
      if (mode !== 0 && mode !== REGULAR) throw new ZipError('has a file that is not a regular one')
      const size = zip.readUInt32LE(at + 24)
      bytes += size
      if (entries.length === most.files) throw new ZipError(`has more than ${most.files} files`)
      if (bytes > most.bytes) throw new ZipError(`has more than ${most.bytes} bytes of files`)
      entries.push({
        ...{ path, size, packedSize: zip.readUInt32LE(at + 20), crc: zip.readUInt32LE(at + 16) },
        ...{ method: zip.readUInt16LE(at + 10), at: zip.readUInt32LE(at + 42) },
      })
    }
    at = next
  }
  return entries
}

/**
 * Unpacks a file of an archive. It never makes more bytes than the directory has told.
 * @throws ZipError
 */
export async function unzip(zip: Buffer, entry: ZipEntry): Promise<Buffer> {
  const { at, size, packedSize, method } = entry
  if (at + LOCAL_BYTES > zip.length || zip.readUInt32LE(at) !== LOCAL) throw broken()
  const from = at + LOCAL_BYTES + zip.readUInt16LE(at + 26) + zip.readUInt16LE(at + 28)
  if (from + packedSize > zip.length) throw broken()
  const packed = zip.subarray(from, from + packedSize)
  const content = await contentOf(packed, method, size)
  if (content.length !== size || crc32(content) !== entry.crc) throw broken()
  return content
}

async function contentOf(packed: Buffer, method: number, size: number): Promise<Buffer> {
  if (method === STORED) return packed
  if (method !== DEFLATED) throw new ZipError('has a file that is not stored or deflated')
  try {
    return await inflate(packed, { maxOutputLength: Math.max(1, size) })
  } catch {
    throw broken()
  }
}

/** Where the record at the end is. Behind it there may be a comment. */
function endOf(zip: Buffer): number {
  const last = zip.length - END_BYTES
  for (let at = last; at >= Math.max(0, last - MAX_COMMENT_BYTES); at--) {
    if (zip.readUInt32LE(at) === END && at + END_BYTES + zip.readUInt16LE(at + 20) === zip.length) {
      return at
    }
  }
  throw new ZipError('is not a zip archive')
}

function broken(): ZipError {
  return new ZipError('is a zip archive that is broken')
}
