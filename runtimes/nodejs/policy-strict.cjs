/** The code policy's mode `strict`: RAGFlow's rules, which search the text, in the order of their findings. */
'use strict'

module.exports = function strictSearch({ patterns }) {
  const searches = Object.entries(patterns).map(([what, pattern]) => [
    what,
    new RegExp(pattern, 'g'),
  ])
  return (text) =>
    searches.flatMap(([what, pattern]) =>
      [...text.matchAll(pattern)].map(({ index }) => ({
        line: text.slice(0, index).split('\n').length,
        what,
      })),
    )
}
