import type { Socket } from 'node:dgram'

/**
 * A name server that knows the IPv4 addresses of these names, and tells what it is asked.
 * It never answers for names that begin with `silent.`.
 */
export function answerNames(
  address: string,
  port: number,
  zone: Readonly<Record<string, readonly string[]>>,
  onQuestion: (name: string) => void,
): Promise<Socket>
