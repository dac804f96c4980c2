/**
 * Responsible for telling when the world around a page has changed so that waiting longer is pointless: the network is
 * back, or someone looks at the page again.
 */
export class Wakeups {
  /** @param {{ environment: import('./environment.js').Environment, onNetworkChange: () => void, onAttention: () => void }} options */
  constructor({ environment, onNetworkChange, onAttention }) {
    this.window = environment.window
    this.document = environment.document
    this.onOnline = () => onNetworkChange()
    this.onVisibility = () => { if (this.document.visibilityState === 'visible') onAttention() }
  }

  start() {
    this.window?.addEventListener('online', this.onOnline)
    this.document?.addEventListener('visibilitychange', this.onVisibility)
  }

  stop() {
    this.window?.removeEventListener('online', this.onOnline)
    this.document?.removeEventListener('visibilitychange', this.onVisibility)
  }
}
