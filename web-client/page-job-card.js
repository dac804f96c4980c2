import './job-progress.js'
import { element } from './dom.js'
import { isTerminal } from './job.js'
import { Player } from './page-player.js'

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })

/** Responsible for one job of the list: what it is, how far it is, and what can be done with it. */
export class JobCard {
  /**
   * @param {object} options
   * @param {string} options.id
   * @param {import('./fanfare.js').Fanfare} options.fanfare
   * @param {{ title: string, about: string } | undefined} options.title
   * @param {(error: any) => void} options.onError
   */
  constructor({ id, fanfare, title, onError }) {
    Object.assign(this, { id, fanfare, title, onError })
    this.heading = element('h3')
    this.about = element('span', { class: 'about' })
    this.progress = element('job-progress')
    this.stage = element('div', { class: 'stage' })
    this.cancel = element('button', { type: 'button', class: 'quiet', textContent: 'Cancel', 'data-action': 'cancel' })
    this.cancel.addEventListener('click', () => this.#cancel())
    this.actions = element('div', { class: 'actions' })
    this.element = element('article', { class: 'card', 'data-job': id },
      element('div', { class: 'card-head' }, this.heading, this.about, this.cancel), this.progress, this.actions, this.stage)
  }

  /** @param {Record<string, any>} job */
  show(job) {
    const wasRunning = this.job !== undefined && !isTerminal(this.job.state)
    this.job = job
    this.element.dataset.state = job.state
    this.element.dataset.percent = job.percent === undefined ? '' : String(job.percent)
    this.element.toggleAttribute('data-stalled', job.stalled === true)
    // The end of an id: the beginning is the time, and the same for all of a minute.
    this.heading.textContent = this.title?.title ?? `${job.kind ?? 'job'} …${job.id.slice(-6)}`
    this.about.textContent = [this.title?.about, timeOf(job)].filter(Boolean).join(' · ')
    this.progress.setAttribute('label', `Progress of ${this.heading.textContent}`)
    this.progress.show(job)
    this.cancel.hidden = isTerminal(job.state)
    this.cancel.disabled = job.cancelling === true || this.isCancelling === true
    if (job.state === 'completed') this.#showResult(job.result, wasRunning)
    else this.#clearResult()
  }

  /** Whether what it shows may be old. @param {boolean} isInterrupted */
  interrupt(isInterrupted) { this.progress.toggleAttribute('interrupted', isInterrupted) }

  async #cancel() {
    this.isCancelling = this.cancel.disabled = true
    try {
      await this.fanfare.cancel(this.id, 'cancelled by the user')
    } catch (error) {
      this.onError(error)
    } finally {
      this.isCancelling = false
      this.cancel.disabled = this.job?.cancelling === true
    }
  }

  #showResult(result, hasJustFinished) {
    // Results are free JSON of the worker: only what looks like a file is offered as one.
    const listed = Array.isArray(result?.artifacts) ? result.artifacts : []
    const artifacts = listed.filter((artifact) => typeof artifact?.url === 'string' && typeof artifact.name === 'string')
    if (this.players || artifacts.length === 0) return
    this.players = artifacts.map((artifact) => new Player({
      fanfare: this.fanfare, artifact, stage: this.stage, saveAs: this.#nameFor(artifact),
    }))
    this.actions.append(...this.players.flatMap(({ buttons }) => buttons))
    // Whoever saw it run wants to see what became of it; a list of fifty after a reload stays a list.
    if (hasJustFinished) this.players[0].open()
  }

  // A job may be retried after its end.
  #clearResult() {
    if (!this.players) return
    this.players = undefined
    this.actions.replaceChildren()
    this.stage.replaceChildren()
  }

  #nameFor(artifact) {
    const stem = this.title?.title.replace(/\.[^.]*$/, '')
    const ending = /\.[^.]*$/.exec(artifact.name)?.[0] ?? ''
    return stem ? `${stem}${ending}` : artifact.name
  }
}

function timeOf({ created_at }) {
  if (!created_at) return ''
  const created = new Date(created_at)
  const isToday = created.toDateString() === new Date().toDateString()
  return (isToday ? clock : day).format(created)
}
