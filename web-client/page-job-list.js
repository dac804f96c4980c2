import { byID } from './dom.js'
import { isTerminal } from './job.js'
import { JobCard } from './page-job-card.js'

/**
 * Responsible for the cards: one for each of the user's jobs, newest first, and one for each upload on its way.
 *
 * Unfinished jobs are watched on their own channels too. The user's channel tells of all jobs but cannot be resumed; a
 * job's own channel can, so nothing is missed over a reload or a restart of the gateway.
 */
export class JobCards {
  /**
   * @param {object} options
   * @param {import('./fanfare.js').Fanfare} options.fanfare
   * @param {import('./page-titles.js').Titles} options.titles
   * @param {(error: any) => void} options.onError
   */
  constructor({ fanfare, titles, onError }) {
    Object.assign(this, { fanfare, titles, onError })
    this.place = byID('jobs')
    this.place.replaceChildren()
    /** @type {Map<string, JobCard>} */
    this.cards = new Map()
    this.watched = new Set()
    this.list = fanfare.jobs()
    this.list.addEventListener('change', ({ job }) => this.#show(job))
    this.list.addEventListener('loaded', () => this.#count())
    this.list.addEventListener('removed', ({ id }) => this.#remove(id))
    this.#count()
  }

  /** @param {HTMLElement} element  an upload's card */
  prepend(element) {
    this.place.prepend(element)
    byID('empty').hidden = true
  }

  /** A job of this page's own making has got its name. @param {string} id */
  rename(id) {
    const card = this.cards.get(id)
    if (!card) return
    card.title = this.titles.of(id)
    card.show(card.job)
  }

  #show(job) {
    const card = this.cards.get(job.id) ?? this.#add(job)
    card.show(job)
    if (!isTerminal(job.state)) this.#watch(job.id)
    this.#count()
  }

  #add(job) {
    const card = new JobCard({ id: job.id, fanfare: this.fanfare, title: this.titles.of(job.id), onError: this.onError })
    this.cards.set(job.id, card)
    card.createdAt = job.created_at ?? job.updated_at ?? 0
    const next = [...this.place.children].find((other) => {
      const known = this.cards.get(other.dataset.job)
      return known !== undefined && known.createdAt < card.createdAt
    })
    this.place.insertBefore(card.element, next ?? null)
    return card
  }

  #watch(id) {
    if (this.watched.has(id)) return
    this.watched.add(id)
    const watch = this.fanfare.watch(id)
    watch.addEventListener('interruption', () => this.cards.get(id)?.interrupt(watch.isInterrupted))
    const release = () => this.watched.delete(id)
    watch.addEventListener('end', release)
    watch.addEventListener('error', release)
  }

  #remove(id) {
    this.cards.get(id)?.element.remove()
    this.cards.delete(id)
    this.#count()
  }

  #count() {
    byID('job-count').textContent = this.cards.size > 0 ? String(this.cards.size) : ''
    byID('empty').hidden = !this.list.isLoaded || this.place.childElementCount > 0
  }
}
