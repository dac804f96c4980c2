const key = 'fanfare.titles'
const limit = 100

/**
 * Responsible for remembering, in this tab, what the user called a job: lists carry no payload, and "ffmpeg 0198c1f2" says
 * little.
 */
export class Titles {
  constructor() {
    try { this.entries = new Map(JSON.parse(sessionStorage.getItem(key) ?? '[]')) } catch { this.entries = new Map() }
  }

  /** @param {string} id @returns {{ title: string, about: string } | undefined} */
  of(id) { return this.entries.get(id) }

  /** @param {string} id @param {{ title: string, about: string }} entry */
  remember(id, entry) {
    this.entries.set(id, entry)
    while (this.entries.size > limit) this.entries.delete(this.entries.keys().next().value)
    sessionStorage.setItem(key, JSON.stringify([...this.entries]))
  }
}
