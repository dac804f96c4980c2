import './job-progress.js'
import { element } from './dom.js'
import { randomUUID } from './environment.js'
import { byteSize } from './job-text.js'
import { sentenceFor } from './page-notice.js'
import { payloadOf } from './page-presets.js'

/**
 * Responsible for a file from the drop to the accepted job: upload, submit, and whatever goes wrong between.
 *
 * What has succeeded is not done again: trying again after a refused submit sends no second upload, and repeats the same
 * idempotency key.
 */
export class UploadCard {
  /**
   * @param {object} options
   * @param {import('./fanfare.js').Fanfare} options.fanfare
   * @param {File} options.file
   * @param {import('./page-presets.js').presets[number]} options.preset
   * @param {(jobID: string) => void} options.onSubmitted
   */
  constructor({ fanfare, file, preset, onSubmitted }) {
    Object.assign(this, { fanfare, file, preset, onSubmitted })
    this.key = randomUUID(crypto)
    this.abortion = new AbortController()
    this.progress = element('job-progress')
    this.progress.setAttribute('label', `Upload of ${file.name}`)
    this.stop = element('button', { type: 'button', class: 'quiet', textContent: 'Stop' })
    this.again = element('button', { type: 'button', class: 'quiet', textContent: 'Try again', hidden: true })
    this.stop.addEventListener('click', () => this.#stop())
    this.again.addEventListener('click', () => this.run())
    this.element = element('article', { class: 'card', 'data-upload': this.key, 'data-state': 'uploading' },
      element('div', { class: 'card-head' },
        element('h3', { textContent: file.name }),
        element('span', { class: 'about', textContent: `${preset.title} · ${byteSize(file.size)}` }), this.stop),
      this.progress,
      element('div', { class: 'actions' }, this.again))
  }

  async run() {
    this.again.hidden = true
    this.stop.textContent = 'Stop'
    clearInterval(this.timer)
    try {
      this.upload ??= await this.#upload()
      this.#show('submitting', { percent: 100, stage: 'Submitting' })
      const watch = await this.fanfare.submit({
        kind: 'ffmpeg', payload: payloadOf(this.preset, this.upload), idempotency_key: this.key,
      })
      if (this.isStopped) return this.#cancelLate(watch.id)
      this.onSubmitted(watch.id)
      this.element.remove()
    } catch (error) {
      if (error.name === 'AbortError' || this.isStopped) return
      this.#fail(error)
    }
  }

  async #upload() {
    this.#show('uploading', { percent: 0, stage: 'Uploading' })
    const { upload } = await this.fanfare.upload(this.file, {
      signal: this.abortion.signal,
      onProgress: (fraction) => this.#show('uploading', {
        percent: fraction * 100, stage: 'Uploading',
        message: `${byteSize(fraction * this.file.size)} of ${byteSize(this.file.size)}`,
      }),
    })
    return upload
  }

  #show(state, progress) {
    this.element.dataset.state = state
    this.progress.show({ state: 'running', ...progress })
  }

  #fail(error) {
    this.element.dataset.state = 'failed'
    this.again.hidden = false
    this.stop.textContent = 'Remove'
    const until = Date.now() + (error.retryAfter ?? 0) * 1000
    const tell = () => {
      const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000))
      this.progress.show({ state: 'failed', error: { message: sentenceFor(error, seconds) } })
      this.again.disabled = seconds > 0
      this.again.textContent = seconds > 0 ? `Try again in ${seconds} s` : 'Try again'
      if (seconds === 0) clearInterval(this.timer)
    }
    this.timer = setInterval(tell, 1000)
    tell()
  }

  #stop() {
    this.isStopped = true
    clearInterval(this.timer)
    this.abortion.abort()
    this.element.remove()
  }

  // Stopped while the submit was under way: it was accepted all the same.
  #cancelLate(id) { this.fanfare.cancel(id, 'stopped by the user').catch(() => {}) }
}
