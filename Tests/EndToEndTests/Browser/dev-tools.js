/**
 * Responsible for the DevTools protocol over two pipes: messages are JSON, parted by NUL.
 *
 * https://chromedevtools.github.io/devtools-protocol/
 */
export class DevTools {
  /** @param {{ input: import('node:stream').Writable, output: import('node:stream').Readable }} pipes */
  constructor({ input, output }) {
    this.input = input
    this.lastID = 0
    this.waiting = new Map()
    this.listeners = new Set()
    let rest = Buffer.alloc(0)
    output.on('data', (chunk) => {
      rest = Buffer.concat([rest, chunk])
      for (let end; (end = rest.indexOf(0)) >= 0; rest = rest.subarray(end + 1)) {
        this.#receive(JSON.parse(rest.subarray(0, end).toString('utf8')))
      }
    })
    output.on('close', () => this.#close())
    // The pipe breaks when the browser ends; whoever waits is told by `close`.
    input.on('error', () => {})
  }

  /** @param {string} method @param {object} [params] @param {string} [sessionId] @returns {Promise<any>} */
  send(method, params = {}, sessionId = undefined) {
    const id = ++this.lastID
    return new Promise((resolve, reject) => {
      if (this.isClosed) return reject(new Error(`${method}: the browser has ended`))
      this.waiting.set(id, { method, resolve, reject })
      this.input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`)
    })
  }

  /** @param {(event: { method: string, params: any, sessionId?: string }) => void} listener */
  listen(listener) { this.listeners.add(listener) }

  #receive(message) {
    if (message.id === undefined) return this.listeners.forEach((listener) => listener(message))
    const { method, resolve, reject } = this.waiting.get(message.id)
    this.waiting.delete(message.id)
    if (message.error) reject(new Error(`${method}: ${message.error.message}`))
    else resolve(message.result)
  }

  #close() {
    this.isClosed = true
    for (const { method, reject } of this.waiting.values()) reject(new Error(`${method}: the browser has ended`))
    this.waiting.clear()
  }
}
