async function* pages(total) {
  for (let page = 1; page <= total; page++) {
    await new Promise((resolve) => setTimeout(resolve, 1))
    yield { page, items: [page * 10, page * 10 + 1] }
  }
}

async function main({ total = 3 }) {
  const all = []
  for await (const { items } of pages(total)) all.push(...items)
  return all
}

module.exports = { main }
