function process(orders) {
  return orders
    .filter((order) => order.paid)
    .map(({ id, items }) => ({ id, total: items.reduce((t, i) => t + i.price * i.qty, 0) }))
}

function main() {
  return process([
    { id: 1, paid: true, items: [{ price: 2, qty: 3 }] },
    { id: 2, paid: false, items: [] },
  ])
}
