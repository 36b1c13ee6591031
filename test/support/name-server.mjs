import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import packet from 'dns-packet'

/** Plain JavaScript, as a process outside of the test runner has to load it; name-server.d.mts has the types. */
export async function answerNames(address, port, zone, onQuestion) {
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    const { id, questions } = packet.decode(message)
    const name = questions[0].name.toLowerCase()
    onQuestion(name)
    if (name.startsWith('silent.')) return
    const flags = packet.RECURSION_AVAILABLE | (zone[name] ? 0 : 3)
    const answers = (zone[name] ?? []).map((data) => ({ type: 'A', name, ttl: 60, data }))
    const answer = packet.encode({ type: 'response', id, flags, questions, answers })
    socket.send(answer, from.port, from.address)
  })
  socket.bind(port, address)
  await once(socket, 'listening')
  return socket
}
