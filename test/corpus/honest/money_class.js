class Money {
  #cents
  constructor(cents) { this.#cents = cents }
  add(other) { return new this.constructor(this.#cents + other.#cents) }
  toString() { return `${this.constructor.name}(${(this.#cents / 100).toFixed(2)})` }
  static zero() { return new Money(0) }
}

function main({ amounts = [150, 275] }) {
  return String(amounts.map((a) => new Money(a)).reduce((a, b) => a.add(b), Money.zero()))
}
module.exports = { main }
