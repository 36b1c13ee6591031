function main({ numbers = [1, 2, 3] }) {
  const total = numbers.reduce((sum, n) => sum + n, 0)
  return { total, average: total / numbers.length }
}
