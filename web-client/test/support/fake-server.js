/**
 * Responsible for the other end of every socket of a test: it records what arrives, frame by frame, and answers as it is
 * told to. `on(method, answer)` takes a function of the parameters that returns the reply's body, an `Error`-like
 * `{ error }`, or `undefined` for silence.
 */
export class FakeServer {
  constructor() {
    /** @type {FakeSocket[]} */
    this.sockets = []
    this.opensByItself = true
    this.answers = new Map(Object.entries({
      connect: () => ({ client: 'c', ping: 25, pong: true, data: { user: 'alice' } }),
      subscribe: () => ({ recoverable: true, positioned: true, epoch: 'e', offset: 0 }),
      unsubscribe: () => ({}),
      refresh: () => ({ expires: true, ttl: 600 }),
    }))
    const server = this
    this.socketClass = class extends FakeSocket {
      constructor(url) { super(url, server) }
    }
  }

  /** @param {string} method @param {(parameters: any, socket: FakeSocket) => any} answer */
  on(method, answer) { this.answers.set(method, answer) }

  /** The newest socket. */
  get socket() { return this.sockets.at(-1) }

  /** All commands of a method, over all sockets, in order: their parameters. @param {string} method */
  sent(method) { return this.sockets.flatMap((socket) => socket.commands).filter((c) => method in c).map((c) => c[method]) }
}

class FakeSocket {
  constructor(url, server) {
    this.url = url
    this.server = server
    this.readyState = 0
    /** Messages as they came. @type {string[]} */
    this.messages = []
    this.commands = []
    server.sockets.push(this)
    if (server.opensByItself) setImmediate(() => this.open())
  }

  open() {
    if (this.readyState !== 0) return
    this.readyState = 1
    this.onopen?.({})
  }

  send(message) {
    this.messages.push(message)
    for (const line of message.split('\n')) this.#take(JSON.parse(line))
  }

  close(code) {
    this.readyState = 3
    this.closedWith = code
  }

  /** Objects to the client, all in one message. @param {...object} objects */
  deliver(...objects) {
    if (this.readyState === 1) this.onmessage?.({ data: objects.map((object) => JSON.stringify(object)).join('\n') })
  }

  /** The server closes. @param {number} code @param {string} [reason] */
  drop(code, reason = '') {
    this.readyState = 3
    this.onclose?.({ code, reason })
  }

  /** @param {string} channel @param {object} data @param {number} [offset] */
  publish(channel, data, offset) { this.deliver({ push: { channel, pub: { data, offset } } }) }

  #take(command) {
    this.commands.push(command)
    if (!command.id) return
    const method = Object.keys(command).find((key) => key !== 'id')
    const answer = this.server.answers.get(method)?.(command[method], this)
    if (answer === undefined) return
    // Like a network: never within the sender's own call.
    queueMicrotask(() => this.deliver(answer.error ? { id: command.id, error: answer.error } : { id: command.id, [method]: answer }))
  }
}
