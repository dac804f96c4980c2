/**
 * Responsible for noticing that a connection has gone silent.
 *
 * The gateway pings on a schedule it announces; a socket whose other end vanished without a word (a pulled cable, a
 * sleeping laptop) stays "open" for minutes. Every message counts as a sign of life.
 */
export class ConnectionMonitor {
  /**
   * @param {{ environment: import('./environment.js').Environment, onSilence: () => void, grace?: number }} options
   *   grace: milliseconds a ping may be late
   */
  constructor({ environment, onSilence, grace = 10_000 }) {
    this.environment = environment
    this.onSilence = onSilence
    this.grace = grace
    this.timer = undefined
    this.patience = Infinity
    this.heardAt = 0
  }

  /** @param {number} interval  milliseconds between pings; 0 when the gateway sends none */
  start(interval) {
    this.stop()
    this.recordTraffic()
    if (!interval) return
    this.patience = interval + this.grace
    this.#wait(this.patience)
  }

  stop() {
    this.environment.clearTimeout(this.timer)
    this.patience = Infinity
  }

  recordTraffic() { this.heardAt = this.environment.now() }

  isStale() { return this.environment.now() - this.heardAt >= this.patience }

  // One timer that looks at the time of the last message, not one armed anew by each message: a busy channel would
  // otherwise spend more on timers than on its news.
  #wait(milliseconds) {
    this.timer = this.environment.setTimeout(() => {
      if (this.isStale()) return this.onSilence()
      this.#wait(this.heardAt + this.patience - this.environment.now())
    }, milliseconds)
  }
}
