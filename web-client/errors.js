/** Responsible for the errors a caller can meet, each telling whether trying again makes sense. */

/** The gateway answered a command with an error. */
export class ReplyError extends Error {
  /** @param {{ code: number, message?: string, temporary?: boolean }} error */
  constructor({ code, message, temporary }) {
    super(message || `error ${code}`)
    this.name = 'ReplyError'
    this.code = code
    this.temporary = temporary === true || code < 100
    /** Seconds; an error reply has room for code and text only, so the text is where the number is. */
    this.retryAfter = secondsIn(this.message)
  }
  get isRateLimit() { return this.code === 111 }
}

/** The connection went away before the answer came: the command may or may not have been carried out. */
export class ConnectionLost extends Error {
  /** @param {string} [reason] */
  constructor(reason = 'connection lost') {
    super(reason)
    this.name = 'ConnectionLost'
  }
}

/** No answer in time: the command may or may not have been carried out. */
export class NoAnswer extends Error {
  /** @param {string} method */
  constructor(method) {
    super(`no answer to ${method} in time`)
    this.name = 'NoAnswer'
  }
}

/** The client is closed for good, by the caller or by a final refusal. */
export class ClientClosed extends Error {
  /** @param {{ code: number, reason: string }} [cause] */
  constructor({ code, reason } = { code: 0, reason: 'closed by the caller' }) {
    super(reason)
    this.name = 'ClientClosed'
    this.code = code
  }
}

/** An RFC 9457 problem, the form of every error over HTTP. */
export class Problem extends Error {
  /** @param {{ status: number, code?: string, title?: string, detail?: string, errors?: object[], retry_after?: number }} problem */
  constructor({ status, code, title, detail, errors, retry_after }) {
    const faults = (errors ?? []).map((fault) => `${fault.pointer ?? ''} ${fault.detail ?? ''}`.trim())
    super([detail || title || `HTTP status ${status}`, ...faults].join(' · '))
    this.name = 'Problem'
    this.status = status
    this.code = code
    this.retryAfter = retry_after
  }
  get isRateLimit() { return this.status === 429 }

  /**
   * @param {number} status
   * @param {string} body         perhaps not JSON: a proxy in between has its own pages
   * @param {string | null} [retryAfter]  the header, in seconds
   */
  static parse(status, body, retryAfter) {
    let members = {}
    try { members = JSON.parse(body) ?? {} } catch { /* the status alone has to do */ }
    return new Problem({ retry_after: Number(retryAfter) || undefined, ...members, status })
  }
}

/** @param {string} text @returns {number | undefined} */
function secondsIn(text) {
  const match = /\bafter (\d+(?:\.\d+)?) ?s/.exec(text)
  return match ? Math.ceil(Number(match[1])) : undefined
}
