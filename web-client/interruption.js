/**
 * Responsible for telling that nothing is heard of what is shown, and that it is heard again.
 *
 * Told only once it has lasted for a while: most interruptions are over before anybody could read of them.
 */
export class Interruption {
  /**
   * @param {object} options
   * @param {import('./environment.js').Environment} options.environment
   * @param {() => void} options.onChange
   * @param {number} [options.patience]  milliseconds
   */
  constructor({ environment, onChange, patience = 2000 }) {
    this.environment = environment
    this.onChange = onChange
    this.patience = patience
    this.timer = undefined
    /** Whether it is told. */
    this.isOn = false
  }

  /** Nothing is heard from now on. */
  begin() {
    if (this.isOn || this.timer !== undefined) return
    this.timer = this.environment.setTimeout(() => this.#tell(true), this.patience)
  }

  /** All that happened is known, and what happens is heard. */
  end() {
    this.environment.clearTimeout(this.timer)
    this.timer = undefined
    if (this.isOn) this.#tell(false)
  }

  #tell(isOn) {
    this.timer = undefined
    this.isOn = isOn
    this.onChange()
  }
}
