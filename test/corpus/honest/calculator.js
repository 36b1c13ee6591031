class Calculator {
  eval(expression) {
    const tokens = expression.match(/\d+(\.\d+)?|[-+*/()]/g)
    const primary = () => {
      const token = tokens.shift()
      if (token === '(') {
        const value = sum()
        tokens.shift()
        return value
      }
      return Number(token)
    }
    const product = () => {
      let value = primary()
      while (tokens[0] === '*' || tokens[0] === '/') {
        value = tokens.shift() === '*' ? value * primary() : value / primary()
      }
      return value
    }
    const sum = () => {
      let value = product()
      while (tokens[0] === '+' || tokens[0] === '-') {
        value = tokens.shift() === '+' ? value + product() : value - product()
      }
      return value
    }
    return sum()
  }
}

const main = ({ expression = '2*(3+4)' }) => new Calculator().eval(expression)
module.exports = { main }
