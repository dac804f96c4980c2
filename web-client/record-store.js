/**
 * Responsible for there being one record for an id, a Job or a Group, however many channels and watchers speak of it, and for telling those
 * who look at it.
 */
export class RecordStore {
  /** @param {new (id: string) => any} kind  Job or Group */
  constructor(kind) {
    this.kind = kind
    /** @type {Map<string, any>} */
    this.records = new Map()
    /** @type {Map<string, Set<(record: any) => void>>} */
    this.observers = new Map()
    /** @type {Set<(record: any) => void>} */
    this.generalObservers = new Set()
  }

  /** @param {string} id */
  get(id) { return this.records.get(id) }

  /** @param {Record<string, any>} document */
  replace(document) { return this.#update(document.id, (record) => record.replace(document)) }

  /** @param {Record<string, any>} event @param {{ offset?: number, epoch?: string }} [position] */
  merge(event, position) { return this.#update(event.id, (record) => record.merge(event, position)) }

  /** @param {string} id @param {(record: any) => void} observer @returns {() => void} stops it */
  observe(id, observer) {
    const observers = this.observers.get(id) ?? new Set()
    this.observers.set(id, observers.add(observer))
    return () => {
      observers.delete(observer)
      if (observers.size === 0 && this.observers.get(id) === observers) this.observers.delete(id)
    }
  }

  /** @param {(record: any) => void} observer @returns {() => void} stops it */
  observeAll(observer) {
    this.generalObservers.add(observer)
    return () => this.generalObservers.delete(observer)
  }

  /** The gateway knows nothing of the position that it stood at. @param {string} id */
  reset(id) { this.records.get(id)?.reset() }

  /** One that nobody looks at any more. @param {string} id */
  forget(id) { if (!this.observers.has(id)) this.records.delete(id) }

  #update(id, change) {
    if (!id) return
    const record = this.records.get(id) ?? new this.kind(id)
    this.records.set(id, record)
    if (!change(record)) return record
    for (const observer of [...(this.observers.get(id) ?? [])]) observer(record)
    for (const observer of [...this.generalObservers]) observer(record)
    return record
  }
}
