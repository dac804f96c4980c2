const terminalStates = new Set(['completed', 'failed', 'cancelled'])
const progressFields = ['percent', 'stage', 'message', 'details']

/** Whether a job in this state is over. @param {string} state */
export function isTerminal(state) { return terminalStates.has(state) }

/**
 * Responsible for one job as seen from here: snapshots and events go in, in whatever order the channels deliver them,
 * and a document comes out that never steps back.
 *
 * The job's own channel numbers its events; the user's channel does not. Numbered ones are ordered by offset; between the
 * two kinds the time of the event decides. Nothing numbered and terminal is ever dropped on account of its time: a clock
 * may jump, and an end must not be lost.
 */
export class Job {
  /** @param {string} id */
  constructor(id) {
    /** The job document, replaced (never altered) on change. @type {Readonly<Record<string, any>>} */
    this.document = Object.freeze({ id })
    this.epoch = undefined
    this.offset = 0
    this.changedAt = 0
    this.unnumberedAt = 0
  }

  get isTerminal() { return isTerminal(this.document.state) }

  /** What is known did not happen, as the gateway says: whatever comes next is news. */
  reset() {
    const { id, payload } = this.document
    this.document = Object.freeze(payload === undefined ? { id } : { id, payload })
    this.epoch = undefined
    this.offset = this.changedAt = this.unnumberedAt = 0
  }

  /**
   * Takes in a job document: all that is known, in place of what was.
   *
   * @param {Record<string, any>} document
   * @returns {boolean} whether it was news
   */
  replace(document) {
    const { event: _, at = document.updated_at ?? 0, ...fields } = document
    const isSameEpoch = this.epoch === undefined || fields.epoch === undefined || fields.epoch === this.epoch
    if (isSameEpoch) {
      if (fields.offset < this.offset) return false
      if ((fields.offset === undefined || fields.offset === this.offset) && at < this.changedAt) return false
    }
    this.#advance(fields.offset, fields.epoch, at)
    // Events and lists leave the payload out; what a `job.get` once told stays true.
    const { payload } = this.document
    const next = payload === undefined ? fields : { payload, ...fields }
    this.document = Object.freeze(isSameEpoch ? this.#withEstimate(this.#withoutStepBack(next)) : next)
    return true
  }

  // Lists tell no estimates: what is known of the same place stays known.
  #withEstimate(next) {
    const { state, position, estimate } = this.document
    const isSamePlace = state === 'queued' && next.state === 'queued' && next.position === position
    return isSamePlace && estimate && !next.estimate ? { ...next, estimate } : next
  }

  /**
   * Takes in an event.
   *
   * @param {Record<string, any>} event
   * @param {{ offset?: number, epoch?: string }} [position]  on the job's own channel
   * @returns {boolean} whether it was news
   */
  merge(event, { offset = event.offset, epoch = event.epoch } = {}) {
    if (event.event === 'snapshot') return this.replace({ ...event, offset, epoch })
    if (event.event === 'position') return this.#place(event)
    // Of the stream, not of the job.
    if (event.event === 'delivery') return false
    if (!this.#isNews(event, offset, epoch)) return false
    this.#advance(offset, epoch, event.at ?? 0)
    const { event: kind, at, ...fields } = event
    const before = this.document
    const next = { ...before, ...fields, updated_at: at ?? before.updated_at }
    if (kind === 'progress') delete next.stalled
    if (kind === 'state') {
      this.#settleFacts(before, fields, next)
      this.#settleTimes(before, at, next)
    }
    this.document = Object.freeze(this.#withoutStepBack(next))
    return true
  }

  // A place in the queue is no step of the job: it has no number and no time, and means nothing once the job left.
  #place({ position, estimate }) {
    const { estimate: _, ...document } = this.document
    if (document.state !== 'queued') return false
    this.document = Object.freeze({ ...document, position, ...(estimate && { estimate }) })
    return true
  }

  #isNews(event, offset, epoch) {
    const { document } = this
    if (epoch !== undefined && this.epoch !== undefined && epoch !== this.epoch) return true
    if (offset !== undefined && offset <= this.offset) return false
    // A worker that lost its lease may still report; a later attempt, or an end, has the word.
    if (event.event === 'progress') {
      if (event.attempt < document.attempt) return false
      if (this.isTerminal && !(event.attempt > document.attempt)) return false
    }
    const at = event.at ?? Infinity
    if (offset === undefined) return at >= this.changedAt
    return at >= this.unnumberedAt || isTerminal(event.state)
  }

  #advance(offset, epoch, at) {
    if (epoch !== undefined && epoch !== this.epoch) {
      this.epoch = epoch
      this.offset = 0
    }
    if (offset !== undefined) this.offset = offset
    else this.unnumberedAt = Math.max(this.unnumberedAt, at)
    this.changedAt = Math.max(this.changedAt, at)
  }

  // Facts are left out when false, so a state event without them takes them back; the same goes for what belongs to a
  // state that was left.
  #settleFacts(before, fields, next) {
    if (!('stalled' in fields)) delete next.stalled
    if (!('cancelling' in fields)) delete next.cancelling
    if (next.state !== 'queued') {
      delete next.position
      delete next.estimate
    }
    const startsOver = next.state !== before.state && !isTerminal(next.state)
    if (startsOver) {
      for (const field of progressFields) if (!(field in fields)) delete next[field]
      delete next.finished_at
      if (!('result' in fields)) delete next.result
    }
    if (next.state === 'running' || next.state === 'completed') if (!('error' in fields)) delete next.error
    if (next.state === 'completed') next.percent = 100
  }

  // An event tells its own time, and the times of a job are those of its events.
  #settleTimes(before, at, next) {
    if (at === undefined) return
    if (next.state === 'running' && (before.state !== 'running' || next.attempt !== before.attempt)) next.started_at = at
    if (isTerminal(next.state) && !isTerminal(before.state)) next.finished_at = at
  }

  // Two channels and a reconnect can bring an older number late; within an attempt the larger one is the true one.
  #withoutStepBack(next) {
    const before = this.document
    const isSameRun = next.state === before.state && next.attempt === before.attempt
    if (isSameRun && before.percent > (next.percent ?? 0)) return { ...next, percent: before.percent }
    return next
  }
}
