const fs = require('fs')

const escapeHtml = (s) => s.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`)
const row = ([key, value]) => `<tr><td>${escapeHtml(key)}</td><td>${value}</td></tr>`

function save(file, html) {
  fs.writeFileSync(file, html, 'utf8')
  return fs.statSync(file).size > 0
}

function main({ data = { 'a<b': 1, c: 2 } }) {
  const html = `<html><body><table>${Object.entries(data).map(row).join('')}</table></body></html>`
  return save('artifacts/report.html', html)
}
module.exports = { main }
