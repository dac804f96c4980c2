import { RecordEvent } from './record-watch.js'

/**
 * Responsible for all jobs of the user: those the gateway tells of when the user's channel is joined, and those that
 * appear later, from whatever tab or script they were submitted.
 *
 * Dispatches `change` with `job` for each document that is new or changed, and `loaded` once the gateway has told.
 * The user's channel cannot be resumed; joining it again brings the newest jobs again, which is as good.
 */
export class JobList extends EventTarget {
  /** @param {{ store: import('./record-store.js').RecordStore, limit?: number }} options  limit: finished jobs kept */
  constructor({ store, limit = 100 }) {
    super()
    this.store = store
    this.limit = limit
    /** Ids, in order of arrival. @type {Set<string>} */
    this.ids = new Set()
    this.isLoaded = false
    this.stopObserving = store.observeAll((job) => this.#changed(job))
  }

  /** The documents, newest first. */
  get jobs() {
    return [...this.ids].map((id) => this.store.get(id)?.document).filter(Boolean)
      .sort((a, b) => bornAt(b) - bornAt(a))
  }

  /** How the user's channel feeds it. @returns {import('./subscription.js').SubscriptionHandlers} */
  get handlers() {
    return {
      onSubscribed: ({ data }) => {
        for (const document of data?.jobs ?? []) this.store.replace(document)
        this.isLoaded = true
        this.dispatchEvent(new Event('loaded'))
      },
      onPublication: ({ data }) => this.store.merge(data, { offset: data.offset, epoch: data.epoch }),
      onUnsubscribed: ({ code, reason }) => this.dispatchEvent(Object.assign(new Event('error'), { code, reason })),
    }
  }

  close() { this.stopObserving() }

  #changed(job) {
    const { document } = job
    this.ids.add(document.id)
    this.dispatchEvent(new RecordEvent('change', 'job', document))
    this.#prune()
  }

  #prune() {
    if (this.ids.size <= this.limit) return
    for (const id of this.ids) {
      if (!this.store.get(id)?.isTerminal) continue
      this.ids.delete(id)
      this.store.forget(id)
      this.dispatchEvent(Object.assign(new Event('removed'), { id }))
      if (this.ids.size <= this.limit) return
    }
  }
}

/** An event may be the first word of a job, and need not say when it was created. */
function bornAt({ created_at, updated_at }) { return created_at ?? updated_at ?? 0 }
