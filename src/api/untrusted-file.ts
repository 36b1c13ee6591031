/** A file of a sandbox is hostile: no browser may take it for a page of this service. */
export const UNTRUSTED = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "sandbox; default-src 'none'",
  'cache-control': 'no-store',
}

/** Returns the header Content-Disposition of a file that is saved by its name (https://www.rfc-editor.org/rfc/rfc6266). */
export function attachment(name: string): string {
  const plain = name.replace(/[^\w.() -]/g, '_').slice(0, 200)
  const whole = encodeURIComponent(Buffer.from(name).toString()).replace(
    /['()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16)}`,
  )
  return `attachment; filename="${plain}"; filename*=UTF-8''${whole}`
}
