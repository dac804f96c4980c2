/**
 * Responsible for how long to wait before trying again: exponential, with full jitter.
 *
 * Full jitter, because a restarted gateway meets all of its clients at once; a wait drawn from the whole range spreads
 * them evenly. The owner resets it only once things have been well for a while: a gateway that accepts and drops at once
 * would otherwise be asked at full speed for ever.
 */
export class Backoff {
  /** @param {{ random: () => number, base?: number, limit?: number, floor?: number }} options  milliseconds */
  constructor({ random, base = 500, limit = 20_000, floor = 50 }) {
    this.random = random
    this.base = base
    this.limit = limit
    this.floor = floor
    this.attempts = 0
  }

  /** The next wait, in milliseconds. */
  next() {
    // 2 ** 30 is far over every limit, and stays a number however long the gateway is away.
    const ceiling = Math.min(this.limit, this.base * 2 ** Math.min(this.attempts, 30))
    this.attempts += 1
    return Math.max(this.floor, Math.round(this.random() * ceiling))
  }

  reset() { this.attempts = 0 }
}
