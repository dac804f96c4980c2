import { element } from './dom.js'
import { ConnectionLost, NoAnswer } from './errors.js'

/**
 * What went wrong, in a sentence.
 *
 * @param {any} error
 * @param {number} [seconds]  left of a wait the gateway asked for
 */
export function sentenceFor(error, seconds = error.retryAfter) {
  if (error.isRateLimit) return seconds > 0 ? `Too many requests. Try again in ${seconds} s.` : 'Too many requests. Try again.'
  if (error instanceof ConnectionLost) return error.message === 'The upload was cut off.' ? error.message : 'The connection broke off.'
  if (error instanceof NoAnswer) return 'The gateway did not answer in time.'
  // What fetch throws when no server is there.
  if (error instanceof TypeError) return 'The gateway cannot be reached.'
  const text = String(error.message || error).trim()
  const capital = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`
}

/** Responsible for the one line under the header that tells what went wrong, and counts down while waiting helps. */
export class Notice {
  /** @param {HTMLElement} place */
  constructor(place) {
    this.place = place
    this.text = element('span', { class: 'notice-text' })
    const dismiss = element('button', { type: 'button', class: 'quiet', textContent: 'Dismiss' })
    dismiss.addEventListener('click', () => this.clear())
    place.replaceChildren(this.text, dismiss)
  }

  /** @param {any} error */
  show(error) {
    this.clear()
    this.place.hidden = false
    this.text.textContent = sentenceFor(error)
    if (!error.retryAfter) return
    const until = Date.now() + error.retryAfter * 1000
    this.timer = setInterval(() => {
      const seconds = Math.ceil((until - Date.now()) / 1000)
      if (seconds <= 0) return this.clear()
      // An alert read out every second would be unbearable.
      this.place.setAttribute('aria-live', 'off')
      this.text.textContent = sentenceFor(error, seconds)
    }, 1000)
  }

  clear() {
    clearInterval(this.timer)
    this.place.removeAttribute('aria-live')
    this.place.hidden = true
  }
}
