const fs = require('fs');
const path = require('path');

const OUTPUT_DIR = 'artifacts';

function writeReport(name, rows) {
  if (!fs.existsSync(OUTPUT_DIR)) fs.mkdirSync(OUTPUT_DIR, { recursive: true });
  const file = path.join(OUTPUT_DIR, `${name}.csv`);
  const header = Object.keys(rows[0]).join(',');
  fs.writeFileSync(file, [header, ...rows.map((r) => Object.values(r).join(','))].join('\n'));
  return file;
}

function main() {
  return writeReport('report', [{ a: 1, b: 2 }, { a: 3, b: 4 }]);
}

module.exports = { main };
