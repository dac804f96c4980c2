import { byID, element } from './dom.js'

const words = {
  idle: 'Not connected',
  connecting: 'Connecting…',
  connected: 'Connected',
  closed: 'Disconnected',
}

/** Responsible for the line in the header: is the socket alive, and how many requests are left. */
export class Status {
  /** @param {import('./fanfare.js').Fanfare} fanfare */
  constructor(fanfare) {
    this.fanfare = fanfare
    this.show = () => { this.#showConnection(); this.#showBudget() }
    byID('status').hidden = false
    byID('reconnect').onclick = () => fanfare.connection.reconnectNow()
    fanfare.connection.addEventListener('state', this.show)
    fanfare.budget.addEventListener('change', this.show)
    // Both age with the clock: the wait for the next try, and requests that come free again.
    this.timer = setInterval(this.show, 1000)
    this.show()
  }

  close() {
    clearInterval(this.timer)
    byID('status').hidden = true
  }

  #showConnection() {
    const { state, retryAt, end } = this.fanfare.connection
    const seconds = Math.max(0, Math.ceil(((retryAt ?? 0) - Date.now()) / 1000))
    const text = state === 'waiting' ? `Reconnecting${seconds > 0 ? ` in ${seconds} s` : '…'}` : words[state]
    byID('connection').dataset.state = state
    byID('connection').title = end?.explanation ?? ''
    if (byID('connection-text').textContent !== text) byID('connection-text').textContent = text
    // Not for the first moment of every passing hiccup.
    byID('reconnect').hidden = !(state === 'waiting' && seconds > 1)
    byID('user-name').textContent = this.fanfare.user ?? ''
  }

  #showBudget() {
    const { budget } = this.fanfare
    const place = byID('budget')
    place.hidden = !budget.isKnown
    if (!budget.isKnown) return
    const { limit, remaining, window: seconds, retryAfter } = budget
    if (place.dataset.remaining === String(remaining) && place.dataset.wait === String(retryAfter)) return
    Object.assign(place.dataset, { remaining, limit, wait: retryAfter })
    place.title = `${remaining} of ${limit} requests left in any ${seconds} s`
    const text = retryAfter > 0 ? `next in ${retryAfter} s` : `${remaining} of ${limit} requests left`
    const dots = element('span', { class: 'dots', 'aria-hidden': 'true' })
    // More than twenty dots are no longer read at a glance.
    if (limit <= 20) for (let i = 0; i < limit; i += 1) dots.append(element('i', { class: i < remaining ? 'left' : 'spent' }))
    place.replaceChildren(dots, element('span', { textContent: text }))
  }
}
