import { LocalCode } from './codes.js'
import { ConnectionMonitor } from './connection-monitor.js'
import { ConnectionLost, NoAnswer, ReplyError } from './errors.js'
import { byteCount, pack, unpack } from './frames.js'

/**
 * Responsible for one socket: commands out, replies matched to them, pushes handed on, pings answered, and its end told
 * exactly once. It never reconnects; a client lives through many of these.
 *
 * Commands given before the socket is open, or in one turn of the event loop, leave together in one message: `connect`
 * and the subscribes after it cost one round trip.
 */
export class Connection {
  /**
   * @param {object} options
   * @param {string} options.url
   * @param {import('./environment.js').Environment} options.environment
   * @param {(push: object) => void} options.onPush
   * @param {(end: { code: number, reason: string }) => void} options.onEnd
   * @param {number} [options.timeout]       milliseconds a command waits for its reply
   * @param {number} [options.messageLimit]  bytes; the gateway closes for good on a larger message, so none is sent
   */
  constructor({ url, environment, onPush, onEnd, timeout = 5000, messageLimit = 65_536 }) {
    this.environment = environment
    this.onPush = onPush
    this.onEnd = onEnd
    this.timeout = timeout
    this.messageLimit = messageLimit
    this.answersPings = false
    this.lastID = 0
    this.pending = new Map()
    this.outgoing = []
    this.isFlushing = false
    this.hasEnded = false
    this.monitor = new ConnectionMonitor({ environment, onSilence: () => this.end(LocalCode.silent, 'no ping') })
    this.socket = new environment.WebSocket(url)
    this.socket.onopen = () => this.#flush()
    this.socket.onmessage = (event) => this.#receive(event.data)
    this.socket.onclose = (event) => this.#finish(event.code, event.reason)
  }

  /**
   * Sends a command. `done` is called once, in the order of the wire: a subscribe's reply has to be taken in before
   * the publications behind it in the same message, which a promise could not promise.
   *
   * @param {string} method
   * @param {object} parameters
   * @param {(error: Error | undefined, result: any) => void} done
   * @param {number} [timeout]
   */
  request(method, parameters, done, timeout = this.timeout) {
    if (this.hasEnded) return done(new ConnectionLost(), undefined)
    const id = ++this.lastID
    const command = { id, [method]: parameters }
    if (byteCount(JSON.stringify(command)) > this.messageLimit) {
      return done(new ReplyError({ code: 413, message: `larger than the ${this.messageLimit} bytes of a message` }), undefined)
    }
    const timer = this.environment.setTimeout(() => {
      this.pending.delete(id)
      done(new NoAnswer(method), undefined)
    }, timeout)
    this.pending.set(id, { method, done, timer })
    this.#send(command)
  }

  /** @param {{ ping?: number, pong?: boolean }} result  of connect, in seconds */
  keepAlive({ ping = 0, pong = false }) {
    this.answersPings = pong
    this.monitor.start(ping * 1000)
  }

  isStale() { return this.monitor.isStale() }

  /** Ends it from this side, at once: a dead socket would take minutes over its closing handshake. */
  end(code, reason) {
    if (this.hasEnded) return
    this.socket.onopen = this.socket.onmessage = this.socket.onclose = null
    // Browsers let a page send 1000 or 3000–4999 only; our own code stays on this side.
    this.socket.close(1000, reason)
    this.#finish(code, reason)
  }

  #send(command) {
    this.outgoing.push(command)
    if (this.isFlushing || this.socket.readyState !== 1) return
    this.isFlushing = true
    queueMicrotask(() => this.#flush())
  }

  #flush() {
    this.isFlushing = false
    if (this.hasEnded) return
    for (const message of pack(this.outgoing, this.messageLimit)) this.socket.send(message)
    this.outgoing = []
  }

  #receive(message) {
    this.monitor.recordTraffic()
    let parts
    try { parts = unpack(message) } catch { return this.end(LocalCode.badFrame, 'a message was not JSON') }
    for (const part of parts) {
      if (this.hasEnded) return
      if (part.id > 0) this.#settle(part)
      else if (part.push) this.onPush(part.push)
      // An unasked pong is a protocol error, so one goes out for each ping and only if wanted.
      else if (this.answersPings) this.#send({})
    }
  }

  #settle(reply) {
    const waiting = this.pending.get(reply.id)
    if (!waiting) return
    this.pending.delete(reply.id)
    this.environment.clearTimeout(waiting.timer)
    if (reply.error) waiting.done(new ReplyError(reply.error), undefined)
    else waiting.done(undefined, reply[waiting.method] ?? {})
  }

  #finish(code, reason) {
    if (this.hasEnded) return
    this.hasEnded = true
    this.monitor.stop()
    const unanswered = [...this.pending.values()]
    this.pending.clear()
    // The owner hears first: whoever sends again because of a lost command must find it already reconnecting.
    this.onEnd({ code, reason: reason || '' })
    for (const { done, timer } of unanswered) {
      this.environment.clearTimeout(timer)
      done(new ConnectionLost(reason), undefined)
    }
  }
}
