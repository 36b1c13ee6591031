import type { AddressInfo } from 'node:net'
import { connect, createServer, type Socket } from 'node:net'

/** A way to a service on which connections break. */
export interface CuttingProxy {
  readonly url: string
  /** Bytes of answers after which the next connections break, one after the other; then none breaks. */
  readonly cuts: number[]
  close(): void
}

/** @param url of the service, on the loopback device */
export async function openCuttingProxy(url: string): Promise<CuttingProxy> {
  const to = Number(new URL(url).port)
  const cuts: number[] = []
  const sockets = new Set<Socket>()
  const server = createServer((caller) => {
    const service = connect(to, '127.0.0.1')
    for (const socket of [caller, service]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    let room = cuts.shift() ?? Number.POSITIVE_INFINITY
    caller.pipe(service)
    service.on('data', (chunk) => {
      const part = chunk.subarray(0, Math.min(room, chunk.length))
      room -= part.length
      if (part.length > 0) caller.write(part)
      if (room > 0) return
      service.destroy()
      // What was written goes out first.
      caller.end(() => caller.destroy())
    })
    service.on('end', () => caller.end())
    caller.on('close', () => service.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  }
  return { url: `http://127.0.0.1:${port}`, cuts, close }
}
