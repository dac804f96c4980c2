import { Job } from './job.js'

/**
 * Responsible for there being one Job for an id, however many channels and watchers speak of it, and for telling those
 * who look at it.
 */
export class JobStore {
  constructor() {
    /** @type {Map<string, Job>} */
    this.jobs = new Map()
    /** @type {Map<string, Set<(job: Job) => void>>} */
    this.observers = new Map()
    /** @type {Set<(job: Job) => void>} */
    this.generalObservers = new Set()
  }

  /** @param {string} id @returns {Job | undefined} */
  get(id) { return this.jobs.get(id) }

  /** @param {Record<string, any>} document */
  replace(document) { return this.#update(document.id, (job) => job.replace(document)) }

  /** @param {Record<string, any>} event @param {{ offset?: number, epoch?: string }} [position] */
  merge(event, position) { return this.#update(event.id, (job) => job.merge(event, position)) }

  /** @param {string} id @param {(job: Job) => void} observer @returns {() => void} stops it */
  observe(id, observer) {
    const observers = this.observers.get(id) ?? new Set()
    this.observers.set(id, observers.add(observer))
    return () => {
      observers.delete(observer)
      if (observers.size === 0 && this.observers.get(id) === observers) this.observers.delete(id)
    }
  }

  /** @param {(job: Job) => void} observer @returns {() => void} stops it */
  observeAll(observer) {
    this.generalObservers.add(observer)
    return () => this.generalObservers.delete(observer)
  }

  /** A job nobody looks at any more. @param {string} id */
  forget(id) { if (!this.observers.has(id)) this.jobs.delete(id) }

  #update(id, change) {
    if (!id) return
    const job = this.jobs.get(id) ?? new Job(id)
    this.jobs.set(id, job)
    if (!change(job)) return job
    for (const observer of [...(this.observers.get(id) ?? [])]) observer(job)
    for (const observer of [...this.generalObservers]) observer(job)
    return job
  }
}
