/** Rewrites the pages of a package index, so that what they link to is asked for through the gateway. */

/**
 * Rewrites the links of a page of PEP 503 (HTML, `href`) or of an npm registry (JSON, `tarball`).
 * @param type media type of the page
 * @param from address of the page, for links that are relative
 * @param rewrite gives the address in place of a link to a file
 */
export function rewritePage(
  page: string,
  type: string,
  from: URL,
  rewrite: (link: URL) => string,
): string {
  const replaced = (link: string): string | null => {
    if (!URL.canParse(link, from.href)) return null
    const url = new URL(link, from)
    return /^https?:$/.test(url.protocol) ? rewrite(url) : null
  }
  if (type.includes('json')) {
    return page.replace(/("tarball"\s*:\s*)("(?:[^"\\]|\\.)*")/g, (whole, name, text) => {
      const link = replaced(JSON.parse(text) as string)
      return link === null ? whole : `${name}${JSON.stringify(link)}`
    })
  }
  return page.replace(/(<a\b[^>]*?\bhref\s*=\s*)(["'])(.*?)\2/gis, (whole, before, quote, text) => {
    const link = replaced(unescaped(text))
    return link === null ? whole : `${before}${quote}${escaped(link)}${quote}`
  })
}

function unescaped(text: string): string {
  const entities: Record<string, string> = {
    amp: '&',
    quot: '"',
    '#39': "'",
    '#x27': "'",
    lt: '<',
    gt: '>',
  }
  return text.replace(/&(amp|quot|#39|#x27|lt|gt);/g, (_, name: string) => entities[name] as string)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll("'", '&#39;')
}
