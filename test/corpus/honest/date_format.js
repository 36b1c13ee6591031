function formatDate(date, locale = 'en-US') {
  return new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'short', day: '2-digit', timeZone: 'UTC' }).format(date)
}

function main() {
  const start = new Date(Date.UTC(2024, 0, 31))
  const dates = Array.from({ length: 3 }, (_, i) => new Date(start.getTime() + i * 24 * 60 * 60 * 1000))
  return dates.map((d) => formatDate(d))
}
