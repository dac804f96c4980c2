import { element } from './dom.js'
import { byteSize } from './job-text.js'
import { sentenceFor } from './page-notice.js'

/** Responsible for one file of a finished job: played or shown here, or downloaded. */
export class Player {
  /**
   * @param {object} options
   * @param {import('./fanfare.js').Fanfare} options.fanfare
   * @param {{ name: string, url: string, bytes?: number, content_type?: string }} options.artifact
   * @param {HTMLElement} options.stage  where the player goes
   * @param {string} options.saveAs
   */
  constructor({ fanfare, artifact, stage, saveAs }) {
    Object.assign(this, { fanfare, artifact, stage, saveAs })
    const [type] = String(artifact.content_type ?? '').split('/')
    this.tag = { video: 'video', audio: 'audio', image: 'img' }[type]
    this.buttons = []
    if (this.tag) this.#button(this.tag === 'img' ? 'Show' : 'Play', 'primary', 'play', () => this.open(true))
    const size = artifact.bytes ? ` (${byteSize(artifact.bytes)})` : ''
    this.#button(`Download${size}`, 'quiet', 'download', () => this.#download())
  }

  /** @param {boolean} [startsPlaying] */
  async open(startsPlaying = false) {
    if (!this.tag || this.media) return this.media?.play?.()
    const media = (this.media = element(this.tag, { 'data-player': this.artifact.name }))
    if (this.tag === 'img') media.alt = this.artifact.name
    else Object.assign(media, { controls: true, autoplay: startsPlaying, playsInline: true, preload: 'metadata' })
    media.addEventListener('error', () => this.#renew())
    if (!(await this.#load())) return
    this.stage.append(media)
    this.buttons[0].hidden = true
  }

  // Tickets end after minutes: a seek an hour later fails, and continues with a new one. Twice in a row is no accident.
  async #renew() {
    const { media } = this
    const at = media.currentTime
    if (this.hasRenewed && !(at > 0)) return this.#tell(new Error('This browser cannot play the file; download it instead.'))
    this.hasRenewed = true
    if (await this.#load()) media.currentTime = at ?? 0
  }

  async #load() {
    try {
      this.media.src = (await this.fanfare.ticket(this.artifact.url)).url
      return true
    } catch (error) {
      this.media = undefined
      this.#tell(error)
      return false
    }
  }

  async #download() {
    try {
      const { url } = await this.fanfare.ticket(this.artifact.url)
      const link = element('a', { href: url, download: this.saveAs })
      document.body.append(link)
      link.click()
      link.remove()
    } catch (error) {
      this.#tell(error)
    }
  }

  #tell(error) { this.stage.replaceChildren(element('p', { class: 'fault', role: 'alert', textContent: sentenceFor(error) })) }

  #button(textContent, look, action, onClick) {
    const button = element('button', { type: 'button', class: look, textContent, 'data-action': action })
    button.addEventListener('click', onClick)
    this.buttons.push(button)
  }
}
