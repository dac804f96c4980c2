import { Interruption } from './interruption.js'

/** Dispatched by a watch and by the list of jobs; its `job` or `group` is the document. */
export class RecordEvent extends Event {
  /** @param {string} type @param {'job' | 'group'} noun @param {Record<string, any>} document */
  constructor(type, noun, document) {
    super(type)
    this[noun] = document
  }
}

/**
 * Responsible for one caller's view of one job or group, until its end.
 *
 * Three ways to look at it, freely mixed:
 * - `addEventListener('change' | 'end' | 'error', …)`, events with `job` or `group` (or `error`);
 * - `for await (const document of watch)`, the newest document each turn, so a slow reader skips and never falls behind;
 * - `await watch.finished`, the document at its end. A failed job is an answer, not an error: look at `state`.
 *
 * While the connection is away, or the gateway cannot hear what happens, it shows what was known last: `isInterrupted`
 * tells so, and an event `interruption` whenever that changes.
 */
export class RecordWatch extends EventTarget {
  /**
   * @param {object} options
   * @param {'job' | 'group'} options.noun  the name under which it shows the document
   * @param {string} options.id
   * @param {import('./record-store.js').RecordStore} options.store
   * @param {import('./environment.js').Environment} options.environment
   * @param {() => void} options.onRelease
   * @param {boolean} [options.isHeard]  whether what happens to it is heard already
   */
  constructor({ noun, id, store, environment, onRelease, isHeard = false }) {
    super()
    this.noun = noun
    this.id = id
    this.store = store
    this.onRelease = onRelease
    this.isOver = false
    this.error = undefined
    this.waiting = new Set()
    this.version = 0
    // `job` or `group`: the document, as far as known.
    this[noun] = store.get(id)?.document
    /** @type {Promise<Record<string, any>>} */
    this.finished = new Promise((resolve, reject) => { this.settle = { resolve, reject } })
    // Whoever does not look at `finished` must not be told of an unhandled rejection.
    this.finished.catch(() => {})
    this.interruption = new Interruption({ environment, onChange: () => this.dispatchEvent(new Event('interruption')) })
    if (!isHeard) this.interruption.begin()
    this.stopObserving = store.observe(id, (record) => this.#changed(record))
    // What is known already is news to this caller. A timer, not a microtask: after `await submit(…)` the caller comes to
    // add its listeners only some microtasks later.
    environment.setTimeout(() => {
      const record = store.get(id)
      if (record && this.version === 0) this.#changed(record)
    }, 0)
  }

  /** Whether the document may be old, and has been so for a while. */
  get isInterrupted() { return this.interruption.isOn }

  /** Whether what happens is heard from now on. @param {boolean} isHeard */
  hear(isHeard) { isHeard || this.isOver ? this.interruption.end() : this.interruption.begin() }

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
        yield this[this.noun]
      } else if (this.isOver) {
        return
      } else {
        await new Promise((resolve) => this.waiting.add(resolve))
      }
    }
  }

  #changed({ document, isTerminal }) {
    if (this.isOver) return
    this.version += 1
    this[this.noun] = document
    this.dispatchEvent(new RecordEvent('change', this.noun, document))
    if (!isTerminal || this.isOver) return this.#wake()
    this.#finish()
    this.settle.resolve(document)
    this.dispatchEvent(new RecordEvent('end', this.noun, document))
  }

  #finish() {
    this.isOver = true
    this.interruption.end()
    this.stopObserving()
    this.onRelease()
    this.#wake()
  }

  #wake() {
    for (const resolve of this.waiting) resolve()
    this.waiting.clear()
  }
}
