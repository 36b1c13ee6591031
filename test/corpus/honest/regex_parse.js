const LOG = /^(?<ip>[\d.]+) - \[(?<time>[^\]]+)\] "(?<method>\w+) (?<path>\S+)" (?<code>\d{3})$/

function main() {
  const lines = ['1.2.3.4 - [01/Jan] "GET /a" 200', '1.2.3.5 - [01/Jan] "POST /b" 500']
  let match
  const words = []
  const re = /\w+/g
  while ((match = re.exec('eval is a word')) !== null) words.push(match[0])
  return { rows: lines.map((line) => ({ ...line.match(LOG)?.groups })), words }
}
