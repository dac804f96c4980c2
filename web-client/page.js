import { byID } from './dom.js'
import { Composer } from './page-composer.js'
import { JobCards } from './page-job-list.js'
import { Notice } from './page-notice.js'
import { PageSession } from './page-session.js'
import { Status } from './page-status.js'
import { Titles } from './page-titles.js'
import { UploadCard } from './page-upload-card.js'

/** Responsible for putting the page together: signed out or signed in, and from the one to the other. */
class Page {
  constructor() {
    this.notice = new Notice(byID('notice'))
    this.titles = new Titles()
    this.composer = new Composer({ onStart: (file, preset) => this.#convert(file, preset) })
    byID('sign-in-form').addEventListener('submit', (event) => {
      event.preventDefault()
      this.#signIn(byID('user').value.trim())
    })
    byID('token-form').addEventListener('submit', (event) => {
      event.preventDefault()
      this.#enter(PageSession.withToken(byID('token').value.trim()))
    })
    byID('sign-out').addEventListener('click', () => this.#leave())
  }

  start() {
    const session = PageSession.restore()
    session ? this.#enter(session) : this.#welcome()
  }

  async #signIn(user) {
    if (!user) return
    byID('sign-in').disabled = true
    try {
      this.#enter(await PageSession.signIn(user))
    } catch (error) {
      const isProduction = error.status === 404 || error.status === 403
      if (isProduction) byID('paste').open = true
      this.notice.show(isProduction ? new Error('This gateway gives no development tokens. Paste a token instead.') : error)
    } finally {
      byID('sign-in').disabled = false
    }
  }

  #enter(session) {
    this.notice.clear()
    this.session = session
    this.fanfare = session.connect()
    this.status = new Status(this.fanfare)
    this.cards = new JobCards({ fanfare: this.fanfare, titles: this.titles, onError: (error) => this.notice.show(error) })
    this.fanfare.connection.addEventListener('state', () => this.#connectionChanged())
    byID('token').value = ''
    byID('welcome').hidden = true
    byID('workbench').hidden = false
  }

  // A final refusal means that this session is of no more use; the way on is to sign in again.
  #connectionChanged() {
    const { state, end } = this.fanfare?.connection ?? {}
    if (state !== 'closed' || end.code === 0) return
    this.#leave()
    this.notice.show(new Error(`${end.explanation} Sign in again.`))
  }

  #leave() {
    const { fanfare, status, session } = this
    this.fanfare = undefined
    session?.forget()
    fanfare?.close()
    status?.close()
    this.#welcome()
  }

  #welcome() {
    this.notice.clear()
    byID('workbench').hidden = true
    byID('welcome').hidden = false
    byID('user').focus()
  }

  #convert(file, preset) {
    const { cards } = this
    const card = new UploadCard({
      fanfare: this.fanfare, file, preset,
      onSubmitted: (id) => {
        this.titles.remember(id, { title: file.name, about: preset.title })
        cards.rename(id)
      },
    })
    cards.prepend(card.element)
    card.run()
  }
}

new Page().start()
