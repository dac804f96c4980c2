/** Dispatched by a watch; `job` is the job document. */
export class JobEvent extends Event {
  /** @param {string} type @param {Record<string, any>} job */
  constructor(type, job) {
    super(type)
    this.job = job
  }
}

/**
 * Responsible for one caller's view of one job, until its end.
 *
 * Three ways to look at it, freely mixed:
 * - `addEventListener('change' | 'end' | 'error', …)`, events with `job` (or `error`);
 * - `for await (const job of watch)`, the newest document each turn, so a slow reader skips and never falls behind;
 * - `await watch.finished`, the document in its terminal state. A failed job is an answer, not an error: look at `state`.
 */
export class JobWatch extends EventTarget {
  /**
   * @param {object} options
   * @param {string} options.id
   * @param {import('./job-store.js').JobStore} options.store
   * @param {import('./environment.js').Environment} options.environment
   * @param {() => void} options.onRelease
   */
  constructor({ id, store, environment, onRelease }) {
    super()
    this.id = id
    this.store = store
    this.onRelease = onRelease
    this.isOver = false
    this.error = undefined
    this.waiting = new Set()
    this.version = 0
    /** The job document, as far as known. @type {Readonly<Record<string, any>> | undefined} */
    this.job = store.get(id)?.document
    /** @type {Promise<Record<string, any>>} */
    this.finished = new Promise((resolve, reject) => { this.settle = { resolve, reject } })
    // Whoever does not look at `finished` must not be told of an unhandled rejection.
    this.finished.catch(() => {})
    this.stopObserving = store.observe(id, (job) => this.#changed(job))
    // What is known already is news to this caller. A timer, not a microtask: after `await submit(…)` the caller comes to
    // add its listeners only some microtasks later.
    environment.setTimeout(() => {
      const job = store.get(id)
      if (job && this.version === 0) this.#changed(job)
    }, 0)
  }

  /** Stops watching; `finished` rejects unless it had come. */
  close() { this.fail(new Error('the watch was closed')) }

  /** The channel was refused or the client closed: no more will come. @param {Error} error */
  fail(error) {
    if (this.isOver) return
    this.error = error
    this.#finish()
    this.settle.reject(error)
    this.dispatchEvent(Object.assign(new Event('error'), { error }))
  }

  async *[Symbol.asyncIterator]() {
    let seen = 0
    for (;;) {
      if (this.version > seen) {
        seen = this.version
        yield this.job
      } else if (this.isOver) {
        return
      } else {
        await new Promise((resolve) => this.waiting.add(resolve))
      }
    }
  }

  #changed(job) {
    if (this.isOver) return
    this.version += 1
    this.job = job.document
    this.dispatchEvent(new JobEvent('change', job.document))
    if (!job.isTerminal || this.isOver) return this.#wake()
    this.#finish()
    this.settle.resolve(job.document)
    this.dispatchEvent(new JobEvent('end', job.document))
  }

  #finish() {
    this.isOver = true
    this.stopObserving()
    this.onRelease()
    this.#wake()
  }

  #wake() {
    for (const resolve of this.waiting) resolve()
    this.waiting.clear()
  }
}
