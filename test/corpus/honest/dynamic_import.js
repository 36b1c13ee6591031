async function main() {
  const { default: path } = await import('node:path')
  const url = await import('url')
  const parsed = new url.URL('https://example.com/a/b?x=1&y=2')
  return { base: path.basename(parsed.pathname), query: Object.fromEntries(parsed.searchParams) }
}

module.exports = { main }
