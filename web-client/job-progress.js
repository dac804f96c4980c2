import { isTerminal } from './job.js'
import { styleText } from './job-progress-style.js'
import { describe, interruptionText } from './job-text.js'
import { SharedConnections } from './shared-connections.js'

const connections = new SharedConnections()
let sheet

/**
 * Responsible for showing one job, live, wherever its tag stands:
 *
 *     <script type="module" src="/client/job-progress.js"></script>
 *     <job-progress job="ID" token="…"></job-progress>
 *
 * Attributes: `job`; `token`; `url` of the socket (by default that of the gateway this file came from); `label`, the name
 * a screen reader gives it. Instead of a token a page may set the property `fanfare` to its own connection, or feed
 * documents through `show(job)`. Dispatches `change` and `end` with the document in `detail`, and `error`.
 *
 * Has the attribute `finished` once the job has ended, and `interrupted` while what it shows may be old, since the
 * connection is away or the gateway cannot hear what happens; a page that feeds documents may set that itself.
 * Parts to style: track, bar, headline, interruption, percent, detail.
 */
export class JobProgress extends HTMLElement {
  static observedAttributes = ['job', 'token', 'url', 'label', 'interrupted']

  constructor() {
    super()
    const root = this.attachShadow({ mode: 'open' })
    if (!sheet) {
      sheet = new CSSStyleSheet()
      sheet.replaceSync(styleText)
    }
    root.adoptedStyleSheets = [sheet]
    this.parts = build(root)
    this.said = { value: '', state: '' }
    this.connectedFanfare = undefined
  }

  /** A connection to use instead of an own one. @param {import('./fanfare.js').Fanfare | undefined} fanfare */
  set fanfare(fanfare) {
    this.connectedFanfare = fanfare
    this.#restart()
  }
  get fanfare() { return this.connectedFanfare }

  connectedCallback() {
    // A property set before the element's class was loaded hides the setter.
    if (Object.hasOwn(this, 'fanfare')) {
      const { fanfare } = this
      delete this.fanfare
      this.fanfare = fanfare
    }
    // Not in the constructor: an element fresh from createElement must not have attributes.
    if (this.dataset.state === undefined) this.#render({})
    this.#restart()
  }
  disconnectedCallback() { this.#stop() }
  attributeChangedCallback(name, before, after) {
    if (before === after) return
    if (name === 'label') this.parts.track.setAttribute('aria-label', after ?? 'Progress of the job')
    else if (name === 'interrupted') this.#say()
    else this.#restart()
  }

  /** Shows a document the page already has. @param {Record<string, any>} job */
  show(job) { this.#render(job) }

  #restart() {
    this.#stop()
    const id = this.getAttribute('job')
    const token = this.getAttribute('token')
    if (!this.isConnected || !id || !(this.connectedFanfare || token)) return
    // A turn later: a script that sets job and token one after the other opens one connection, not two.
    const start = (this.start = Symbol('start'))
    queueMicrotask(() => { if (this.start === start) this.#watch(id, token) })
  }

  #watch(id, token) {
    const url = this.getAttribute('url') ?? undefined
    this.loan = this.connectedFanfare ? undefined : connections.borrow({ url, token })
    const fanfare = this.connectedFanfare ?? this.loan.fanfare
    const watch = (this.watch = fanfare.watch(id))
    watch.addEventListener('change', ({ job }) => {
      this.#render(job)
      this.dispatchEvent(new CustomEvent('change', { detail: job }))
    })
    watch.addEventListener('end', ({ job }) => {
      this.#stop()
      this.dispatchEvent(new CustomEvent('end', { detail: job }))
    })
    watch.addEventListener('interruption', () => this.toggleAttribute('interrupted', watch.isInterrupted))
    watch.addEventListener('error', ({ error }) => {
      if (this.isStopping) return
      this.#renderError(error)
      this.dispatchEvent(new CustomEvent('error', { detail: error }))
    })
  }

  #stop() {
    this.start = undefined
    this.isStopping = true
    this.watch?.close()
    this.isStopping = false
    this.loan?.giveBack()
    this.watch = this.loan = undefined
  }

  #render(job) {
    const description = describe(job)
    this.#draw(description, job.state)
    // Every number would bury a listener; the states and the quarters tell enough.
    const quarter = description.tone === 'running' ? ` ${Math.floor(description.percent / 25) * 25} percent` : ''
    this.#say({ state: job.state ? `${description.headline}${quarter}` : '' })
    this.toggleAttribute('finished', isTerminal(job.state))
  }

  #renderError(error) {
    this.#draw({ tone: 'failed', headline: 'Not available', detail: error.message })
    this.#say({ state: `Not available: ${error.message}` })
  }

  #draw({ tone, headline, detail, percent }, state = '') {
    const { frame, track, bar } = this.parts
    const isKnown = percent !== undefined
    const isOver = tone === 'failed' || tone === 'cancelled'
    frame.toggleAttribute('data-starts-over', !(percent >= this.percent))
    frame.toggleAttribute('data-unknown', !isKnown && !isOver)
    frame.dataset.tone = tone
    this.percent = percent
    this.dataset.state = state
    this.parts.headline.textContent = headline
    this.parts.detail.textContent = detail
    // Rounded down: "100 %" is for the end alone.
    this.parts.percent.textContent = isKnown && !isOver ? `${Math.floor(percent)} %` : ''
    bar.style.transform = isKnown ? `translateX(${percent - 100}%)` : ''
    if (isKnown) track.setAttribute('aria-valuenow', String(Math.floor(percent)))
    else track.removeAttribute('aria-valuenow')
    this.#say({ value: [headline, isKnown ? `${Math.floor(percent)} %` : '', detail].filter(Boolean).join(', ') })
  }

  // To a screen reader: the value where it looks for it, the state when it changes. To the eye only the interruption.
  #say(news = {}) {
    Object.assign(this.said, news)
    const interruption = this.hasAttribute('interrupted') ? interruptionText : ''
    const { track, spoken } = this.parts
    track.setAttribute('aria-valuetext', [this.said.value, interruption].filter(Boolean).join(', '))
    this.parts.interruption.textContent = interruption
    const text = [this.said.state, interruption].filter(Boolean).join('. ')
    // The same once more would be read once more.
    if (spoken.textContent !== text) spoken.textContent = text
  }
}

function build(root) {
  const part = (tag, name, parent) => {
    const element = document.createElement(tag)
    element.className = name
    element.setAttribute('part', name)
    parent.append(element)
    return element
  }
  const frame = part('div', 'frame', root)
  const line = part('div', 'line', frame)
  const headline = part('span', 'headline', line)
  const interruption = part('span', 'interruption', line)
  const percent = part('span', 'percent', line)
  const track = part('div', 'track', frame)
  const bar = part('div', 'bar', track)
  const detail = part('div', 'detail', frame)
  const spoken = part('div', 'spoken', frame)
  // Spoken with the state, and not once more.
  interruption.setAttribute('aria-hidden', 'true')
  track.setAttribute('role', 'progressbar')
  track.setAttribute('aria-valuemin', '0')
  track.setAttribute('aria-valuemax', '100')
  track.setAttribute('aria-label', 'Progress of the job')
  spoken.setAttribute('role', 'status')
  spoken.setAttribute('aria-live', 'polite')
  return { frame, headline, interruption, percent, track, bar, detail, spoken }
}

if (!customElements.get('job-progress')) customElements.define('job-progress', JobProgress)
