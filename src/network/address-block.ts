/**
 * The addresses of one manager's links, as pure functions. 198.18.0.0/15 is set aside for
 * benchmarks (RFC 2544), so it is routed nowhere; a manager takes a /22 of it, and each of its
 * sandboxes a /30: the router's end, and the sandbox's.
 */

/** A /15 holds 128 of a /22, and a /22 256 of a /30. */
export const BLOCKS = 128
export const LINKS = 256

/** The name server of all sandboxes. The filter redirects packets for it to resolver.ts. */
export const NAME_SERVER = '198.19.255.53'

export interface Link {
  /** Name of the router's end; the sandbox's is eth0. */
  readonly device: string
  readonly router: string
  readonly guest: string
}

/** Returns what the names of a block's devices begin with. A device's name has at most 15 characters. */
export function devicePrefix(block: number): string {
  return `em${block}x`
}

/** Returns a block's range in CIDR notation. */
export function blockRange(block: number): string {
  return `${address(block, 0)}/22`
}

/** Returns the device name and both addresses of a block's link. */
export function linkOf(block: number, index: number): Link {
  return {
    device: `${devicePrefix(block)}${index}`,
    router: address(block, 4 * index + 1),
    guest: address(block, 4 * index + 2),
  }
}

function address(block: number, offset: number): string {
  const host = block * 4 * LINKS + offset
  return `198.${18 + (host >> 16)}.${(host >> 8) & 255}.${host & 255}`
}
