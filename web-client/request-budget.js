/**
 * Responsible for how many requests the user may still make, as far as this page knows.
 *
 * The gateway counts over a sliding window and over all tabs and devices; what stands here is its last word, aged by the
 * clock. Dispatches `change`.
 */
export class RequestBudget extends EventTarget {
  /** @param {{ now: () => number }} options */
  constructor({ now }) {
    super()
    this.now = now
    this.limit = undefined
    this.window = undefined
    this.left = undefined
    this.reset = 0
    this.toldAt = 0
  }

  get isKnown() { return this.limit !== undefined }

  /** Requests left at this moment. */
  get remaining() {
    const seconds = (this.now() - this.toldAt) / 1000
    if (seconds >= this.window) return this.limit
    if (this.left === 0 && seconds >= this.reset) return 1
    return this.left
  }

  /** Seconds until there is a request to make; 0 when there is one now. */
  get retryAfter() {
    if (!this.isKnown || this.remaining > 0) return 0
    return Math.max(0, Math.ceil(this.reset - (this.now() - this.toldAt) / 1000))
  }

  /** @param {{ limit: number, window: number, remaining: number, reset?: number } | undefined} limits */
  update(limits) {
    if (!limits) return
    this.limit = limits.limit
    this.window = limits.window
    this.#tell(limits.remaining ?? 0, limits.reset ?? 0)
  }

  /** An answer without numbers: one request less than before. */
  spend() { if (this.isKnown) this.#tell(Math.max(0, this.remaining - 1), this.retryAfter || this.window) }

  /** A refusal. @param {number | undefined} retryAfter  seconds */
  exhaust(retryAfter) { if (this.isKnown) this.#tell(0, retryAfter ?? this.window) }

  /**
   * Reads `RateLimit-Policy: "requests";q=10;w=60` and `RateLimit: "requests";r=7;t=41`.
   *
   * @param {(name: string) => string | null} header
   */
  readHeaders(header) {
    const policy = parameters(header('RateLimit-Policy'))
    const state = parameters(header('RateLimit'))
    if (state.r === undefined) return
    this.update({
      limit: policy.q ?? this.limit ?? state.r, window: policy.w ?? this.window ?? 60, remaining: state.r, reset: state.t,
    })
  }

  #tell(left, reset) {
    this.left = left
    this.reset = reset
    this.toldAt = this.now()
    this.dispatchEvent(new Event('change'))
  }
}

/** @param {string | null} field @returns {Record<string, number>} */
function parameters(field) {
  const found = {}
  for (const [, name, number] of (field ?? '').matchAll(/;\s*([a-z]+)=(\d+)/g)) found[name] = Number(number)
  return found
}
