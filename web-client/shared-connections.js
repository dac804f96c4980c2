import { connect } from './fanfare.js'

/**
 * Responsible for twenty progress bars on a page sharing one socket: connections by address and token, closed when the
 * last user has gone.
 */
export class SharedConnections {
  /** @param {{ connect?: typeof connect }} [options] */
  constructor({ connect: open = connect } = {}) {
    this.open = open
    this.entries = new Map()
  }

  /** @param {{ url?: string, token: string }} options */
  borrow({ url, token }) {
    const key = `${url ?? ''} ${token}`
    const entry = this.entries.get(key) ?? { users: 0, fanfare: this.open({ url, token }) }
    entry.users += 1
    this.entries.set(key, entry)
    let isReturned = false
    return {
      fanfare: entry.fanfare,
      giveBack: () => {
        if (isReturned) return
        isReturned = true
        entry.users -= 1
        if (entry.users > 0) return
        this.entries.delete(key)
        entry.fanfare.close()
      },
    }
  }
}
