import { type DestinationStream, type Logger, pino } from 'pino'

/** What waits for a disk that is full; what comes on top is lost. */
const MOST_WAITING_BYTES = 1024 ** 2

/** The log, on standard output. A service that cannot tell goes on serving: no write error ends it. */
export function openLog(level: string, fd = 1): Logger {
  const output = pino.destination({ fd, sync: true, maxLength: MOST_WAITING_BYTES })
  output.on('error', () => {})
  return pino({ level }, output as DestinationStream)
}
