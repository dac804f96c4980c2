/**
 * Responsible for one group as seen from here. Every document and every event is the whole group, so that the newest is
 * all there is to know; what is older, by its offset in the same epoch, is passed over.
 */
export class Group {
  /** @param {string} id */
  constructor(id) {
    /** The group document, replaced (never altered) on change. @type {Readonly<Record<string, any>>} */
    this.document = Object.freeze({ id })
    this.epoch = undefined
    this.offset = -1
  }

  get isTerminal() { return this.document.state === 'finished' }

  /** What is known did not happen, as the gateway says: whatever comes next is news. */
  reset() {
    this.epoch = undefined
    this.offset = -1
  }

  /** @param {Record<string, any>} document @returns {boolean} whether it was news */
  replace(document) {
    const { event: _, ...fields } = document
    const { offset = this.offset + 1, epoch = this.epoch } = fields
    if (epoch === this.epoch && offset <= this.offset) return false
    this.epoch = epoch
    this.offset = offset
    this.document = Object.freeze(fields)
    return true
  }

  /** @param {Record<string, any>} event @param {{ offset?: number, epoch?: string }} [position] */
  merge(event, { offset = event.offset, epoch = event.epoch } = {}) {
    // Of the stream, not of the group.
    if (event.event === 'delivery') return false
    return this.replace({ ...event, offset, epoch })
  }
}
