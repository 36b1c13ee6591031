// tries: to take memory as that of a WebAssembly module
// expect: resource_limit_exceeded/memory | program_error
// within: 5s
function main() {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536 })
  for (;;) {
    memory.grow(64)
    new Uint8Array(memory.buffer).fill(1)
  }
}
