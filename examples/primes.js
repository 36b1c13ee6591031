function main({ below }) {
  const isPrime = (n) =>
    n > 1 && !Array.from({ length: n - 2 }, (_, i) => i + 2).some((d) => n % d === 0)
  return Array.from({ length: below }, (_, n) => n).filter(isPrime)
}
module.exports = { main }
