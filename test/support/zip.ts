import { crc32, deflateRawSync } from 'node:zlib'

export interface FileToPack {
  readonly path: string
  readonly content: Buffer
  readonly isDeflated?: boolean
  /** What the directory says in place of the true size. */
  readonly saidSize?: number
  /** As Unix has it. */
  readonly mode?: number
  readonly flags?: number
}

/** Makes a zip archive, a true one or one that says what is not so. */
export function zipOf(files: readonly FileToPack[]): Buffer {
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let at = 0
  for (const { path, content, isDeflated = false, saidSize, mode = 0, flags = 0 } of files) {
    const name = Buffer.from(path)
    const packed = isDeflated ? deflateRawSync(content) : content
    const head = Buffer.alloc(26)
    head.writeUInt16LE(20, 0)
    head.writeUInt16LE(flags, 2)
    head.writeUInt16LE(isDeflated ? 8 : 0, 4)
    head.writeUInt32LE(crc32(content), 10)
    head.writeUInt32LE(packed.length, 14)
    head.writeUInt32LE(saidSize ?? content.length, 18)
    head.writeUInt16LE(name.length, 22)
    const tail = Buffer.alloc(14)
    tail.writeUInt32LE(mode * 65_536, 6)
    tail.writeUInt32LE(at, 10)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), head, name, packed])
    locals.push(local)
    directory.push(Buffer.concat([Buffer.from('PK\x01\x02\x14\x03'), head, tail, name]))
    at += local.length
  }
  const central = Buffer.concat(directory)
  const end = Buffer.alloc(18)
  end.writeUInt16LE(files.length, 4)
  end.writeUInt16LE(files.length, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(at, 12)
  return Buffer.concat([...locals, central, Buffer.from('PK\x05\x06'), end])
}
